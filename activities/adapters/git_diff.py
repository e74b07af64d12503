"""The user's uncommitted edits, as evidence: read with git, where there is git (SPEC FR-004, I8).

git is asked in a way that writes nothing, not even its index, and runs none of the repository's own
programs for showing differences.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from activities.adapters import process

GIT_SECONDS = 20.0
_ENVIRONMENT = {
    "LC_ALL": "C",
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
}


@dataclass(frozen=True)
class GitDiff:
    """Runs ``git diff`` on a workspace; never fails a step."""

    environment: Mapping[str, str]
    """The worker's environment; only PATH is passed on."""

    async def against_head(self, workspace: str, paths: tuple[str, ...]) -> str | None:
        """Changes of these files since the last commit; None where git cannot tell."""
        if not paths:
            return ""
        argv = git_diff_argv(workspace, paths)
        env = {**_ENVIRONMENT, "PATH": self.environment.get("PATH", "/usr/bin:/bin")}
        try:
            done = await process.run(argv, cwd=workspace, env=env, timeout_seconds=GIT_SECONDS)
        except (OSError, TimeoutError):
            return None
        return done.stdout if done.returncode == 0 else None


def git_diff_argv(workspace: str, paths: tuple[str, ...]) -> list[str]:
    """The one way git is called here.

    ``--no-optional-locks`` alone does not keep it from writing: an index as young as its files it may
    refresh (2 of 100 times where all are made within milliseconds).
    """
    return [
        *("git", "--no-optional-locks", "--literal-pathspecs", "-c", "diff.autoRefreshIndex=false"),
        *("-c", "core.fsmonitor=", "-c", "safe.directory=*", "-C", workspace),
        *("diff", "--no-ext-diff", "--no-textconv", "--no-color", "--relative", "HEAD", "--", *paths),
    ]
