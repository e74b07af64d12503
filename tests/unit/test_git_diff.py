"""Evidence from git that writes nothing and runs nothing of the repository's own (DESIGN section 8)."""

import os
import subprocess
from pathlib import Path

import pytest

from activities.adapters.git_diff import GitDiff, git_diff_argv


def git(directory: Path, *command: str) -> None:
    """Prepare a repository."""
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "maintenance.auto=false"]
    subprocess.run(["git", *identity, *command], cwd=directory, check=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with one commit, whose workspace is a directory inside it."""
    workspace = tmp_path / "repo" / "stack"
    workspace.mkdir(parents=True)
    (workspace / "requirements.txt").write_text("flask\n")
    (workspace / "app.py").write_text("code\n")
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        git(workspace.parent, *command)
    return workspace


def test_the_one_way_git_is_called() -> None:
    """Every option that keeps git from writing or running something is there."""
    assert git_diff_argv("/w", ("a", "b")) == [
        "git", "--no-optional-locks", "--literal-pathspecs", "-c", "diff.autoRefreshIndex=false",
        "-c", "core.fsmonitor=", "-c", "safe.directory=*", "-C", "/w",
        "diff", "--no-ext-diff", "--no-textconv", "--no-color", "--relative", "HEAD", "--", "a", "b",
    ]  # fmt: skip


async def test_only_the_named_files_relative_to_the_workspace(checkout: Path) -> None:
    """Other edits of the user are nobody's business."""
    for name in ("requirements.txt", "app.py"):
        (checkout / name).write_text("changed\n")
    diff = await GitDiff(os.environ).against_head(str(checkout), ("requirements.txt",))
    assert diff is not None
    assert "+++ b/requirements.txt" in diff
    assert "app.py" not in diff
    assert await GitDiff(os.environ).against_head(str(checkout), ()) == ""


async def test_nothing_is_written_and_nothing_is_run(checkout: Path, tmp_path: Path) -> None:
    """A hostile repository configuration: external diff, textconv, fsmonitor; and a stale index."""
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\necho sprung\n")
    trap.chmod(0o755)
    for key in ("diff.external", "diff.evil.command", "diff.evil.textconv", "core.fsmonitor", "core.pager"):
        git(checkout, "config", key, str(trap))
    (checkout / ".gitattributes").write_text("*.txt diff=evil\n")
    (checkout / "requirements.txt").write_text("flask\nredis\n")
    (checkout / "app.py").touch()  # a plain `git diff` would refresh the index for it
    index = checkout.parent / ".git/index"
    before = (index.read_bytes(), index.stat().st_mtime_ns)
    diff = await GitDiff(os.environ).against_head(str(checkout), ("requirements.txt", "app.py"))
    assert diff is not None
    assert "+redis" in diff
    assert not (tmp_path / "sprung").exists()
    assert (index.read_bytes(), index.stat().st_mtime_ns) == before


async def test_without_git_or_checkout_it_just_does_not_know(tmp_path: Path) -> None:
    """No repository, no commit, no git: None, never an error."""
    assert await GitDiff(os.environ).against_head(str(tmp_path), ("f",)) is None
    assert await GitDiff({"PATH": str(tmp_path)}).against_head(str(tmp_path), ("f",)) is None
    git(tmp_path, "init", "-q")
    assert await GitDiff(os.environ).against_head(str(tmp_path), ("f",)) is None
