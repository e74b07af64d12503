"""Whose container it is after an ``up`` that failed: Docker may still carry out what it ordered (I8)."""

from datetime import timedelta
from pathlib import Path

import pytest

from activities.adapters import journal_marks
from activities.adapters.journal import JournalStore
from activities.adapters.state_dir import StateDir
from tests.unit.state_samples import NOW, journal
from workflows.models.snapshot import ContainerState
from workflows.ownership import strangers

LATE = ContainerState(
    id="late", name="shop-api-1", service="api", status="running", image_id="sha256:new",
    created_at=NOW + timedelta(seconds=1),
)  # fmt: skip


@pytest.mark.parametrize(("exit_code", "own"), [(130, True), (0, False)])
def test_what_a_failed_up_still_makes_is_its_own(tmp_path: Path, exit_code: int, *, own: bool) -> None:
    """After one that succeeded nothing more can come of it: such a container is somebody else's."""
    store = JournalStore(StateDir(tmp_path / "state"), now=lambda: NOW)
    store.open(journal(tmp_path))
    guard = store.guard("run-1", 1, 1)
    journal_marks.begin_up(guard, (), "sha256:new", 1)
    after = journal_marks.end_up(guard, (), exit_code=exit_code)
    found = strangers((LATE,), after.snapshot.containers, after.containers_made, after.ups)
    assert (found == ()) is own


def test_one_that_ends_well_closes_it(tmp_path: Path) -> None:
    """What was there by then is noted; the window of the failed one does not stay open for ever."""
    store = JournalStore(StateDir(tmp_path / "state"), now=lambda: NOW)
    store.open(journal(tmp_path))
    guard = store.guard("run-1", 1, 1)
    journal_marks.begin_up(guard, (), "sha256:new", 1)
    journal_marks.end_up(guard, (), exit_code=1)
    begun = journal_marks.begin_up(guard, (LATE,), "sha256:newer", 1)
    assert begun.containers_made == ("late",)
    assert [up.ended_at is None for up in begun.ups] == [True, True]
    ended = journal_marks.end_up(guard, ())
    assert [up.ended_at is None for up in ended.ups] == [False, False]
