"""Which journals are open is known without reading again what was settled long ago (I4, I7)."""

from datetime import timedelta
from pathlib import Path

import pytest

from activities.adapters import journal, journal_index
from activities.adapters.journal import JournalStore
from activities.adapters.journal_history import runs_begun
from activities.adapters.state_dir import StateDir
from tests.unit import state_samples
from tests.unit.state_samples import NOW
from workflows.errors import OrchestratorError


class Journals:
    """A store, and how often it reads a journal."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.store = JournalStore(StateDir(root / "state"), now=lambda: NOW)
        self.read: list[str] = []
        decode = journal_index.decode

        def noted(path: Path) -> object:
            self.read.append(path.parent.name)
            return decode(path)

        monkeypatch.setattr(journal_index, "decode", noted)
        monkeypatch.setattr(journal, "decode", noted)

    def open(self, run_id: str, *, project: str = "shop", hours: float = 0.0) -> None:
        """A journal of a run that began so long after the first."""
        begun = state_samples.journal(self.root, run_id, project)
        self.store.open(begun.model_copy(update={"opened_at": NOW + timedelta(hours=hours)}))

    def settle(self, run_id: str) -> None:
        """As its own run would."""
        self.store.settle(self.store.guard(run_id, 1, 0), by="report", outcome="succeeded")

    def unsettled(self, project: str | None = None) -> list[str]:
        """Run ids, and nothing in ``read`` but what this question read."""
        self.read.clear()
        return [one.run_id for one in self.store.unsettled(project)]


@pytest.fixture
def journals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journals:
    """None yet."""
    return Journals(tmp_path, monkeypatch)


def test_settled_journals_are_read_once(journals: Journals) -> None:
    """However many there are, and however often somebody asks."""
    for number in range(30):
        journals.open(f"old-{number}")
        journals.settle(f"old-{number}")
    journals.open("open")
    assert journals.unsettled() == ["open"]
    assert len(journals.read) == 32
    assert journals.unsettled() == ["open"]
    assert journals.read == ["open.1"]
    assert runs_begun(journals.store, "shop", "api", besides="open") == (NOW,) * 30
    assert journals.read == ["open.1"]


def test_what_another_process_did_is_seen(journals: Journals) -> None:
    """Opened, settled and buried behind this one's back: each is another file by then."""
    theirs = JournalStore(journals.store.state, now=lambda: NOW)
    journals.open("mine")
    assert journals.unsettled() == ["mine"]
    theirs.open(state_samples.journal(journals.root, "theirs"))
    assert journals.unsettled() == ["mine", "theirs"]
    theirs.settle(theirs.guard("mine", 1, 0), by="recover", outcome="accepted")
    assert journals.unsettled() == ["theirs"]
    assert [head.run_id for head in journals.store.heads()] == ["mine", "theirs"]
    theirs.bury("mine", 1)
    assert [head.run_id for head in journals.store.heads()] == ["theirs"]
    assert not theirs.forbid("theirs", 1)
    assert theirs.forbid("never", 1)
    assert journals.unsettled() == ["theirs"]


def test_they_are_told_apart_by_project_run_and_age(journals: Journals) -> None:
    """Oldest first; a run is named by its run id or its workflow id."""
    journals.open("second", hours=1)
    journals.open("first")
    journals.open("elsewhere", project="blog", hours=0.5)
    assert journals.unsettled() == ["first", "elsewhere", "second"]
    assert journals.unsettled("blog") == ["elsewhere"]
    assert [one.run_id for one in journals.store.of_run("second")] == ["second"]
    assert journals.store.of_run("nobody") == ()
    begun = state_samples.journal(journals.root, "third").model_copy(update={"workflow_id": "mm:3"})
    journals.store.open(begun)
    assert [one.run_id for one in journals.store.of_run("mm:3")] == ["third"]


def test_an_unreadable_journal_is_said_so_each_time(journals: Journals) -> None:
    """It may be an open one: nobody goes on as if it were not there; repaired, it counts again."""
    journals.open("run")
    path = journals.store.state.journals / "run.1" / "journal.json"
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    for _ in range(2):
        with pytest.raises(OrchestratorError, match="journal_unreadable"):
            journals.store.unsettled()
    path.write_bytes(whole)
    assert journals.unsettled() == ["run"]
