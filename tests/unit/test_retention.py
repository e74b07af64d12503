"""What ``clean`` takes and what it leaves: the rules alone, on made-up facts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.adapters.journal import Journal, Settlement
from activities.adapters.leftovers import Kind, Leftover, RunLeft
from activities.holding import KEPT_RUNS
from tests.unit.state_samples import journal
from worker.retention import MARKS_KEPT, MAY_STILL_WAIT, Found, Rules, age, byte_count, select, size_text

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
RULES = Rules(NOW, 90 * DAY)
VOLUME = "a" * 64
FILES = (Kind.PLAN, Kind.ARTIFACTS, Kind.JOURNAL)


def the_journal(run_id: str, days: float, *, settled: bool = True, project: str = "shop") -> Journal:
    """A journal that was settled so many days ago."""
    end = Settlement(by="report", at=NOW - days * DAY, outcome="succeeded") if settled else None
    made = journal(Path("/srv/shop"), run_id, project)
    return made.model_copy(update={"settled": end, "volumes_left": (VOLUME,) if run_id == "v" else ()})


def left(kind: Kind, run_id: str, days: float, size: int = 100) -> Leftover:
    """Files of a run, changed so many days ago."""
    return Leftover(kind, f"/state/{kind.value}/{run_id}", NOW - days * DAY, size, run_id)


def run(
    run_id: str,
    days: float,
    *kinds: Kind,
    settled: bool | None = True,
    size: int = 100,
    reported: bool = False,
    retain: float = 0,
) -> RunLeft:
    """A run of so many days ago; ``settled`` None: it never opened a journal."""
    journals = () if settled is None else (the_journal(run_id, days, settled=settled),)
    files = tuple(left(kind, run_id, days, size) for kind in kinds or FILES)
    return RunLeft(run_id, journals, reported=reported, retain_until=NOW + retain * DAY, files=files)


def held(run_id: str, days: float, service: str = "api") -> Leftover:
    """An image that a run holds."""
    at = NOW - days * DAY
    return Leftover(Kind.HELD_IMAGE, f"mm-orchestrator/held:{run_id}", at, 10**9, run_id, "shop", service)


def going(found: Found, rules: Rules = RULES) -> set[tuple[str, str]]:
    """Run and kind of all that goes."""
    return {(one.left.run_id, one.left.kind.value) for one in select(found, rules).going}


ALL = {("r", "plan"), ("r", "artifacts"), ("r", "journal")}


@pytest.mark.parametrize(
    ("found", "gone"),
    [
        pytest.param(run("r", 91), ALL, id="old and settled"),
        pytest.param(run("r", 89), set(), id="young and settled"),
        pytest.param(run("r", 400, settled=False), set(), id="old and open"),
        pytest.param(
            RunLeft("r", unreadable=True, files=run("r", 400).files), set(), id="unreadable journal"
        ),
        pytest.param(run("r", 91, Kind.PLAN, settled=None), {("r", "plan")}, id="old, never wrote"),
        pytest.param(run("r", 30, Kind.PLAN, settled=None), set(), id="may wait for its approval"),
        pytest.param(run("r", 91, retain=1), ALL - {("r", "artifacts")}, id="evidence promised for longer"),
        pytest.param(run("r", 91, *FILES, Kind.UNDELIVERED), ALL - {("r", "artifacts")}, id="not delivered"),
        pytest.param(run("r", 91, Kind.MARK), {("r", "mark")}, id="old mark"),
        pytest.param(run("r", MARKS_KEPT.days - 1, Kind.MARK), set(), id="young mark"),
    ],
)
def test_by_age(found: RunLeft, gone: set[tuple[str, str]]) -> None:
    """Old and settled goes; whatever somebody may still need stays."""
    assert going(Found(runs=(found,))) == gone


@pytest.mark.parametrize(("by", "gone"), [("report", True), ("recover", True), ("rollback", False)])
def test_a_rollback_alone_does_not_end_a_run(by: str, gone: bool) -> None:
    """It may have been an interim one, and the next round waits for an approval for up to 30 days."""
    found = run("r", 20)
    (journal_of_it,) = found.journals
    settled = Settlement(by=by, at=NOW - 20 * DAY, outcome="rolled_back")
    found = replace(found, journals=(journal_of_it.model_copy(update={"settled": settled}),))
    assert bool(going(Found(runs=(found,)), Rules(NOW, 10 * DAY))) is gone
    assert going(Found(runs=(found,)), Rules(NOW + 20 * DAY, 10 * DAY)) == ALL


def test_undelivered_evidence_goes_only_where_it_is_asked_for() -> None:
    """The flag is for evidence that no store will ever take."""
    found = Found(runs=(run("r", 91, *FILES, Kind.UNDELIVERED),))
    rules = Rules(NOW, 90 * DAY, including_undelivered=True)
    assert going(found, rules) == ALL | {("r", "undelivered")}
    assert "not delivered" in select(found, RULES).kept[0]


def test_the_budget_takes_the_oldest_ended_run_first() -> None:
    """And no more than it must; what is open counts and stays."""
    runs = (run("a", 9, settled=False), run("b", 8), run("c", 7), run("n", 8.5, Kind.PLAN, settled=None))
    rules = Rules(NOW, 90 * DAY, keep_bytes=750)
    assert {name for name, _ in going(Found(runs=runs), rules)} == {"b"}
    tight = select(Found(runs=runs), Rules(NOW, 90 * DAY, keep_bytes=0))
    assert {one.left.run_id for one in tight.going} == {"b", "c"}
    assert any("--keep-bytes" in text for text in tight.kept)


def test_a_reported_run_without_a_journal_has_ended() -> None:
    """A planned run leaves evidence alone; the budget may take it."""
    found = Found(runs=(run("r", 2, Kind.ARTIFACTS, settled=None, reported=True),))
    assert going(found, Rules(NOW, 90 * DAY, keep_bytes=0)) == {("r", "artifacts")}


def test_the_last_holds_of_each_service_stay_with_their_journals() -> None:
    """Only older ones go, whatever their age, and only of settled runs."""
    runs = tuple(run(f"r{n}", 200 - n) for n in range(KEPT_RUNS + 2))
    holds = tuple(held(f"r{n}", 200 - n) for n in range(KEPT_RUNS + 2))
    gone = going(Found(runs=runs, held=holds))
    assert {name for name, kind in gone if kind == "held image"} == {"r0", "r1"}
    assert {name for name, kind in gone if kind == "journal"} == {"r0", "r1"}
    assert {name for name, kind in gone if kind == "plan"} == {one.run_id for one in runs}
    opened = (run("r0", 200, settled=False), *runs[1:])
    gone = going(Found(runs=opened, held=holds))
    assert {name for name, kind in gone if kind == "held image"} == {"r1"}


def test_a_hold_that_no_journal_here_knows_stays_and_is_named() -> None:
    """It may be the way back of a run whose journal is in another state directory."""
    holds = tuple(held(f"x{n}", 300 - n) for n in range(KEPT_RUNS + 2))
    selection = select(Found(held=holds), RULES)
    assert selection.going == ()
    assert "docker rmi mm-orchestrator/held:x0" in selection.kept[0]


def test_a_volume_goes_only_with_the_run_that_notes_it() -> None:
    """By age alone; and while it stays its journal stays."""
    volumes = (
        Leftover(Kind.VOLUME, VOLUME, NOW - 100 * DAY, 5),
        Leftover(Kind.VOLUME, "b" * 64, NOW - 100 * DAY, 5),
    )
    gone = select(Found(runs=(run("v", 91),), volumes=volumes), RULES).going
    assert [one.left.name for one in gone if one.left.kind is Kind.VOLUME] == [VOLUME]
    young = going(Found(runs=(run("v", 30),), volumes=volumes), Rules(NOW, 90 * DAY, keep_bytes=0))
    assert young == {("v", "plan"), ("v", "artifacts")}


def test_journals_stay_where_docker_does_not_answer() -> None:
    """Only they know what is left on the daemon."""
    assert going(Found(runs=(run("r", 91),), docker_asked=False)) == ALL - {("r", "journal")}


def test_tokens_and_throwaways_go_once_their_time_is_over() -> None:
    """Their own time counts, not the age of a run."""
    old = Leftover(Kind.TOKEN, "/state/used-tokens/1", NOW - DAY, 50)
    young = Leftover(Kind.TOKEN, "/state/used-tokens/2", NOW + DAY, 50)
    dead = Leftover(Kind.CONTAINER, "mm-orchestrator-throwaway-1", NOW)
    gone = select(Found(tokens=(old, young), throwaways=(dead,)), RULES).going
    assert {one.left.name for one in gone} == {old.name, dead.name}


runs_of_any_kind = st.builds(
    run,
    st.sampled_from([f"r{number}" for number in range(6)]),
    st.floats(0, 400),
    st.sampled_from(list(FILES)),
    st.sampled_from(list(Kind)[3:6]),
    settled=st.sampled_from([True, False, None]),
    size=st.integers(0, 10**6),
    reported=st.booleans(),
    retain=st.floats(-100, 100),
)


@given(
    st.lists(runs_of_any_kind, max_size=6, unique_by=lambda one: one.run_id),
    st.integers(1, 400),
    st.integers(0, 10**6),
    st.booleans(),
    st.booleans(),
)
def test_nothing_open_and_nothing_of_the_last_day_ever_goes(
    runs: list[RunLeft], days: int, keep: int, including: bool, docker: bool
) -> None:
    """Whatever is asked for; the last holds stay, and a journal goes only after what it alone knows."""
    holds = tuple(held(one.run_id, number) for number, one in enumerate(runs))
    found = Found(runs=tuple(runs), held=holds, docker_asked=docker)
    rules = Rules(NOW, days * DAY, keep, including)
    by_id = {one.run_id: one for one in runs}
    gone = going(found, rules)
    for run_id, kind in gone:
        assert not by_id[run_id].open
        assert by_id[run_id].changed_at <= NOW - DAY
        assert by_id[run_id].ended or by_id[run_id].changed_at <= NOW - MAY_STILL_WAIT
        assert including or kind != "undelivered"
        if kind == "journal":
            assert docker
            assert (run_id, "held image") in gone
    kept = {one.run_id for one in holds[-KEPT_RUNS:]}
    assert not {(run_id, "held image") for run_id in kept} & gone


@pytest.mark.parametrize(
    ("text", "value"), [("5G", 5 * 1024**3), ("10", 10), ("1KiB", 1024), ("2MB", 2 * 1024**2)]
)
def test_sizes_are_read(text: str, value: int) -> None:
    """As people write them."""
    assert byte_count(text) == value


@pytest.mark.parametrize("text", ["", "0d", "90", "-1d", "1h", "5 d"])
def test_what_is_no_age_is_refused(text: str) -> None:
    """Below a day a run may still be running."""
    with pytest.raises(ValueError, match="age"):
        age(text)
    assert age("2w") == timedelta(days=14)


def test_sizes_are_written() -> None:
    """In units one can read."""
    assert [size_text(size) for size in (None, 0, 1023, 1536, 5 * 1024**3)] == [
        "? B", "0 B", "1023 B", "1.5 KiB", "5.0 GiB",
    ]  # fmt: skip
