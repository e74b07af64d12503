"""An operator's pause: a file that every worker of the host reads, and that fails safe."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from activities.adapters.holds import HoldStore
from activities.adapters.state_dir import StateDir
from worker.main import run_command_line
from workflows.errors import OrchestratorError
from workflows.models.lane import EVERYTHING, Hold

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> HoldStore:
    """The holds of a fresh state directory."""
    return HoldStore(StateDir(tmp_path / "state"))


def hold(project: str, reason: str = "database move") -> Hold:
    """A pause."""
    return Hold(project=project, reason=reason, by="ada", since=NOW)


def test_a_hold_refuses_writes_until_it_is_released(store: HoldStore) -> None:
    """The refusal says who, since when and why, and what ends it."""
    store.check("shop")
    store.hold(hold("shop"))
    with pytest.raises(OrchestratorError) as caught:
        store.check("shop")
    assert caught.value.code == "project_held"
    assert "ada holds project shop since 2026-05-01 12:00 UTC: database move" in caught.value.message
    assert caught.value.remedy == "mm-orchestrator release shop"
    store.check("other")
    assert store.release("shop") == hold("shop")
    assert store.release("shop") is None
    store.check("shop")


def test_everything_can_be_held(store: HoldStore) -> None:
    """A hold of all covers every project, and is no project's name."""
    store.hold(hold(EVERYTHING))
    assert store.find("shop") == hold(EVERYTHING)
    assert [found.project for found in store.all()] == [EVERYTHING]
    assert store.release("shop") is None
    assert store.find("shop") is not None
    store.release(EVERYTHING)
    assert store.find("shop") is None


def test_a_hold_that_cannot_be_read_holds_all_the_same(store: HoldStore) -> None:
    """A damaged file must not let a run write."""
    (store.state.holds / "shop.json").write_text("{")
    with pytest.raises(OrchestratorError, match="project_held"):
        store.check("shop")


@pytest.mark.parametrize("name", ["../shop", "a/b", "", "+everything"])
def test_a_hold_is_no_path(store: HoldStore, name: str) -> None:
    """A name becomes part of a path only where it is plain (I1)."""
    with pytest.raises(OrchestratorError, match="invalid_request"):
        store.hold(hold(name))


def test_the_commands_hold_and_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What one process holds another one sees; a reason is needed, and a secret in it is masked (I5)."""
    monkeypatch.setenv("MM_ORCHESTRATOR_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("MM_ORCHESTRATOR_USER", "olga")
    store = HoldStore(StateDir(tmp_path / "state"))
    assert run_command_line(["hold", "shop"]) == 2
    assert store.all() == ()
    canary = "ghp_" + "c4n4ry" * 6
    assert run_command_line(["hold", "shop", "--reason", f"token {canary} leaks"]) == 0
    found = store.find("shop")
    assert found is not None
    assert (found.by, canary in found.reason) == ("olga", False)
    capsys.readouterr()
    assert run_command_line(["hold"]) == 0
    assert "olga holds project shop" in capsys.readouterr().out
    assert run_command_line(["release", "shop"]) == 0
    assert run_command_line(["release"]) == 2
    assert run_command_line(["hold", "--all", "--reason", "night"]) == 0
    assert run_command_line(["release", "shop"]) == 0
    assert "Still held: olga holds every project" in capsys.readouterr().out
    assert run_command_line(["release", "--all"]) == 0
    assert store.all() == ()
