"""The one directory an orchestrator keeps its own state in, private and outside every project.

``MM_ORCHESTRATOR_STATE_DIR``, one per Docker daemon. Everything in it may hold real file contents, so
it is 0700 and belongs to whoever runs the worker.
"""

import hashlib
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from activities.adapters.durable import write_durably
from workflows.errors import OrchestratorError

STATE_DIR_VARIABLE = "MM_ORCHESTRATOR_STATE_DIR"
SYSTEM_STATE_DIR = Path("/var/lib/mm-orchestrator")
_SUBDIRECTORIES = (
    "journals", "locks", "children", "spool", "artifacts", "plans", "keys", "temporal", "holds",
    "used-tokens", "llm-calls", "counted", "outbox",
)  # fmt: skip
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")


def default_state_dir(environment: Mapping[str, str] | None = None) -> Path:
    """Where the state lives when nothing else is said: the variable, the system's, or the user's place."""
    env = os.environ if environment is None else environment
    if chosen := env.get(STATE_DIR_VARIABLE):
        return Path(chosen)
    if os.geteuid() == 0:
        return SYSTEM_STATE_DIR
    base = env.get("XDG_STATE_HOME") or str(Path(env.get("HOME") or Path.home()) / ".local" / "state")
    return Path(base) / "mm-orchestrator"


def safe_name(name: str) -> str:
    """A run id, digest or project name that may become a path segment.

    Raises:
        OrchestratorError: ``invalid_request``; a run id is never a path (I1).
    """
    if not _SAFE_NAME.fullmatch(name):
        raise OrchestratorError("invalid_request", detail=f"{name[:60]!r} is not a plain name")
    return name


def is_safe_name(name: str) -> bool:
    """Whether it is one, for names that are read from a directory."""
    return _SAFE_NAME.fullmatch(name) is not None


@dataclass(frozen=True)
class StateDir:
    """Creates the directory (0700) on construction and names its parts.

    Raises:
        OrchestratorError: ``state_dir_invalid`` where it is relative, foreign or cannot be made.
    """

    root: Path

    def __post_init__(self) -> None:
        if not self.root.is_absolute():
            raise self._invalid("the path is not absolute")
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._claim()
            for name in _SUBDIRECTORIES:
                (self.root / name).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise self._invalid(error.strerror or str(error)) from error

    def _claim(self) -> None:
        status = self.root.stat()
        if status.st_uid != os.geteuid():
            raise self._invalid(f"it belongs to uid {status.st_uid}, this process runs as {os.geteuid()}")
        if stat.S_IMODE(status.st_mode) != 0o700:
            self.root.chmod(0o700)

    def _invalid(self, detail: str) -> OrchestratorError:
        return OrchestratorError("state_dir_invalid", path=self.root, detail=detail)

    def check_outside(self, workspace: Path) -> None:
        """Refuse a state directory inside a project: it would ship real file contents with a build.

        Raises:
            OrchestratorError: ``state_dir_invalid``.
        """
        if self.root.resolve().is_relative_to(workspace.resolve()):
            raise self._invalid(f"it lies inside the project {workspace}")

    @property
    def journals(self) -> Path:
        """Journals, one directory per run and generation."""
        return self.root / "journals"

    @property
    def locks(self) -> Path:
        """One lock file per Compose project; never unlinked."""
        return self.root / "locks"

    @property
    def children(self) -> Path:
        """Recorded process ids of running commands."""
        return self.root / "children"

    @property
    def spool(self) -> Path:
        """Evidence on its way to the store (I6)."""
        return self.root / "spool"

    @property
    def artifact_root(self) -> Path:
        """The local artifact store."""
        return self.root / "artifacts"

    @property
    def keys(self) -> Path:
        """Signing keys."""
        return self.root / "keys"

    @property
    def plans(self) -> Path:
        """The real diffs of plans, one directory per run."""
        return self.root / "plans"

    @property
    def holds(self) -> Path:
        """An operator's pauses, one file each."""
        return self.root / "holds"

    @property
    def used_tokens(self) -> Path:
        """Approval tokens that were used, one file each, named by a hash."""
        return self.root / "used-tokens"

    @property
    def llm_calls(self) -> Path:
        """One empty file per question that a language model was asked."""
        return self.root / "llm-calls"

    @property
    def counted(self) -> Path:
        """One folder per run: what was counted of it already."""
        return self.root / "counted"

    @property
    def outbox(self) -> Path:
        """Notifications on their way, one file each."""
        return self.root / "outbox"

    @property
    def temporal(self) -> Path:
        """The embedded server's database and log."""
        return self.root / "temporal"

    def plan_dir(self, run_id: str, digest: str) -> Path:
        """Where the real bytes of one plan lie."""
        return self.plans / safe_name(run_id) / safe_name(digest)


@dataclass(frozen=True)
class PlanStore:
    """The real, unmasked diff of each plan, 0600; history and artifacts carry the masked one."""

    state: StateDir

    def write(self, run_id: str, digest: str, diff: bytes) -> Path:
        """Store the diff durably under the plan's digest; the same bytes may be written again.

        Raises:
            OrchestratorError: ``write_failed``.
        """
        target = self.state.plan_dir(run_id, digest) / "patch.diff"
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_durably(target, diff)
        except OSError as error:
            detail = f"{target}: {error.strerror or error}"
            raise OrchestratorError("write_failed", detail=detail) from error
        return target

    def read(self, run_id: str, digest: str, diff_sha256: str) -> bytes:
        """The diff's real bytes, checked against the hash the digest is bound to.

        Raises:
            OrchestratorError: ``plan_drifted`` where the stored diff is gone or is another one.
        """
        path = self.state.plan_dir(run_id, digest) / "patch.diff"
        try:
            diff = path.read_bytes()
        except OSError as error:
            raise OrchestratorError("plan_drifted", detail=f"the stored diff is gone ({error})") from error
        if hashlib.sha256(diff).hexdigest() != diff_sha256:
            raise OrchestratorError("plan_drifted", detail="the stored diff is not the plan's")
        return diff
