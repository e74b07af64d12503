"""The state directory is private, outside every project, and its plans are what was approved."""

import hashlib
import os
from pathlib import Path

import pytest

from activities.adapters.state_dir import SYSTEM_STATE_DIR, PlanStore, StateDir, default_state_dir, safe_name
from workflows.errors import OrchestratorError


def test_is_made_private(tmp_path: Path) -> None:
    """0700 throughout, also where it existed with wider permissions."""
    root = tmp_path / "state"
    root.mkdir(mode=0o755)
    state = StateDir(root)
    assert {oct(path.stat().st_mode & 0o777) for path in (root, *root.iterdir())} == {"0o700"}
    assert state.journals.is_dir()
    assert state.locks.is_dir()


def test_refuses_what_it_cannot_own(tmp_path: Path) -> None:
    """Relative, foreign or blocked directories are refused with a remedy."""
    file = tmp_path / "file"
    file.write_text("")
    for root in (Path("relative"), file, file / "below"):
        with pytest.raises(OrchestratorError, match="state_dir_invalid"):
            StateDir(root)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_refuses_a_foreign_directory(tmp_path: Path) -> None:
    """Another user's directory could show them real file contents."""
    root = tmp_path / "state"
    root.mkdir()
    os.chown(root, 12345, 12345)
    with pytest.raises(OrchestratorError, match="belongs to uid 12345"):
        StateDir(root)


def test_never_inside_a_project(tmp_path: Path) -> None:
    """A state directory in the build context would be shipped with the image; links do not hide it."""
    (tmp_path / "project").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "project")
    state = StateDir(tmp_path / "link" / "state")
    with pytest.raises(OrchestratorError, match="inside the project"):
        state.check_outside(tmp_path / "project")
    StateDir(tmp_path / "state").check_outside(tmp_path / "project")


def test_default_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable wins, root has the system's place, everybody else the XDG one."""
    assert default_state_dir({"MM_ORCHESTRATOR_STATE_DIR": "/x"}) == Path("/x")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_state_dir({"MM_ORCHESTRATOR_STATE_DIR": ""}) == SYSTEM_STATE_DIR
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert default_state_dir({"XDG_STATE_HOME": "/s"}) == Path("/s/mm-orchestrator")
    assert default_state_dir({"HOME": "/h"}) == Path("/h/.local/state/mm-orchestrator")


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".", "a.b", "-x", "a\0", "x" * 129, "a\n"])
def test_only_plain_names_become_paths(name: str) -> None:
    """A run id is chosen by the server, a workflow id by the client: neither may steer a path."""
    with pytest.raises(OrchestratorError, match="invalid_request"):
        safe_name(name)


def test_plans_are_read_back_as_approved(tmp_path: Path) -> None:
    """The stored diff is private and checked against the hash the approval is bound to."""
    plans = PlanStore(StateDir(tmp_path / "state"))
    diff = b"--- a/f\n"
    path = plans.write("run", "digest", diff)
    sha = hashlib.sha256(diff).hexdigest()
    assert path.stat().st_mode & 0o777 == 0o600
    assert plans.read("run", "digest", sha) == diff
    path.write_bytes(b"another")
    for digest in ("digest", "none"):
        with pytest.raises(OrchestratorError, match="plan_drifted"):
            plans.read("run", digest, sha)


def test_a_plan_that_cannot_be_kept_is_an_error_of_the_catalogue(tmp_path: Path):
    """Without the real bytes nothing may be written: the operator hears where and why."""
    state = StateDir(tmp_path / "state")
    (state.root / "plans").rmdir()
    (state.root / "plans").write_text("no directory")
    with pytest.raises(OrchestratorError) as caught:
        PlanStore(state).write("run", "digest", b"diff")
    assert caught.value.code == "write_failed"
    assert str(state.root / "plans") in caught.value.message
