"""The success criteria and rates of many runs: tables of facts in, numbers out."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from starter.statistics.baseline import Baseline
from starter.statistics.compute import Gathered, Period, statistics_of
from starter.statistics.criteria import sc_001, sc_002, sc_003
from starter.statistics.facts import Cause
from starter.statistics.interventions import months_of, sc_004
from starter.statistics.rates import approvals_of, bins_of, causes_of, recurrences_of, rollbacks_of
from starter.statistics.spread import spread
from tests.unit.statistics_samples import AT, PYYAML, facts
from workflows.models.status import RunStatus

UNTIL = datetime(2026, 5, 1, tzinfo=UTC)
FLASK = Cause("python.module-not-found", "add_python_package", ("flask",))


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=200))
def test_percentiles_are_ordered_and_inside_the_sample(values: list[float]) -> None:
    """p50 <= p90 <= p95 <= the longest, and none beyond what was measured."""
    found = spread(values)
    assert found.p50 is not None and found.p90 is not None and found.p95 is not None  # noqa: PT018
    slack = 1e-6 * max(values)
    assert min(values) - slack <= found.p50 <= found.p90 + slack
    assert found.p90 <= found.p95 + slack <= max(values) + 2 * slack
    assert (found.n, found.longest) == (len(values), max(values))


def test_percentiles_of_known_samples() -> None:
    """Linear between the values; of none there is none."""
    assert spread([]).p50 is None
    assert spread([7.0]).p95 == 7.0
    known = spread(float(value) for value in range(101))
    assert (known.p50, known.p90, known.p95) == (50.0, 90.0, 95.0)


@pytest.mark.parametrize(("slow", "met"), [(0, True), (1, True), (2, False), (10, False)], ids=str)
def test_sc_001_needs_nine_of_ten_within_twenty_minutes(slow: int, met: bool) -> None:
    """1200 s is within; the slow ones are named."""
    runs = [facts(n, repair_seconds=1200.5 if n < slow else 1200.0) for n in range(10)]
    found = sc_001([*runs, facts(99, repair_seconds=None)])
    assert (found.n, found.good, found.met) == (10, 10 - slow, met)
    assert [told.run_id for told in found.exceptions] == [run.run_id for run in runs[:slow]]
    assert found.spread is not None
    assert found.spread.n == 10


def test_sc_002_bears_no_exception() -> None:
    """One write without an approval is one too many, and its run is named with the reason."""
    gated = [facts(n, gated=True) for n in range(99)]
    assert sc_002(gated).met is True
    wrong = facts(100, gated=True, approval_problem="no approval is on record")
    found = sc_002([*gated, wrong, facts(101)])
    assert (found.n, found.good, found.met) == (100, 99, False)
    assert [(told.run_id, told.why) for told in found.exceptions] == [(wrong.run_id, wrong.approval_problem)]


@pytest.mark.parametrize(
    ("changes", "good"),
    [
        ({"retrievable_seconds": 60.0}, True),
        ({"retrievable_seconds": 60.1}, False),
        ({"lacking": ("build",), "retrievable_seconds": None}, False),
        ({"retrievable_seconds": None}, False),
    ],
)
def test_sc_003_wants_all_of_it_within_a_minute(changes: dict[str, object], good: bool) -> None:
    """A run with nothing to show does not count at all."""
    found = sc_003([facts(1, **changes), facts(2, needed=(), retrievable_seconds=None)])
    assert (found.n, found.good == 1) == (1, good)


def test_no_runs_are_no_data() -> None:
    """Nothing measured is neither met nor missed."""
    for found in (sc_001([]), sc_002([]), sc_003([]), sc_004([])):
        assert (found.n, found.share, found.met) == (0, None, None)


MARCH = {"2026-03": 4}
PER_RECOVERY = Baseline(manual_commands_per_recovery=10)


@pytest.mark.parametrize(
    ("baseline", "before", "percent"),
    [
        (PER_RECOVERY, 30, 100 * (1 - 7 / 30)),
        (Baseline(manual_commands_per_recovery=10, recoveries_per_month=7), 70, 90.0),
        (
            Baseline(manual_commands_per_recovery=10, per_cause={"add_python_package": 5}),
            15,
            100 * (1 - 7 / 15),
        ),
        (Baseline(manual_commands_per_recovery=1), 3, 100 * (1 - 7 / 3)),
    ],
)
def test_a_month_is_compared_with_its_baseline(baseline: Baseline, before: float, percent: float) -> None:
    """SC-004: (4 reported + 3 typed) of what three recoveries took before."""
    (month,) = months_of([facts(n) for n in range(3)], MARCH, baseline, UNTIL)
    assert (month.recoveries, month.typed_commands, month.reported_manual) == (3, 3, 4)
    assert month.baseline_commands == before
    assert month.reduction_percent == pytest.approx(percent)


def test_a_failed_run_costs_commands_and_is_no_recovery() -> None:
    """It makes the reduction smaller, never the baseline larger."""
    failed = facts(9, status=RunStatus.FAILED, repair_seconds=None, typed_commands=4)
    (month,) = months_of([facts(1), failed], {"2026-03": 0}, PER_RECOVERY, UNTIL)
    assert (month.recoveries, month.typed_commands, month.baseline_commands) == (1, 5, 10)
    assert month.reduction_percent == pytest.approx(50.0)
    assert sc_004([month]).met is False


@pytest.mark.parametrize(
    ("runs", "reported", "baseline", "why"),
    [
        ([facts(1)], MARCH, None, "no baseline"),
        ([facts(1)], {}, PER_RECOVERY, "nobody reported (report-manual N --period 2026-03)"),
        ([], MARCH, PER_RECOVERY, "no recovery"),
    ],
)
def test_a_month_that_cannot_be_measured_says_why(
    runs: list[object], reported: dict[str, int], baseline: Baseline | None, why: str
) -> None:
    """Silence is not zero."""
    (month,) = months_of(runs, reported, baseline, UNTIL)  # type: ignore[arg-type]
    assert month.reduction_percent is None
    assert why in month.why
    assert sc_004([month]).n == 0


def test_the_month_that_is_not_over_is_shown_and_not_judged() -> None:
    """At the first instant of April March is whole."""
    runs = [facts(1), facts(2)]
    (running,) = months_of(runs, MARCH, PER_RECOVERY, datetime(2026, 3, 31, 23, tzinfo=UTC))
    assert running.so_far
    assert running.reduction_percent is not None
    assert sc_004([running]).n == 0
    (whole,) = months_of(runs, MARCH, PER_RECOVERY, datetime(2026, 4, 1, tzinfo=UTC))
    assert sc_004([whole]).n == 1


def test_the_same_cause_again_counts_after_a_repair_of_it() -> None:
    """Same project, service, kind and names; a second attempt at an unrepaired cause is none."""
    other = {"service": "web"}
    runs = [
        facts(1, status=RunStatus.ROLLED_BACK),
        facts(2),
        facts(3),
        facts(4, status=RunStatus.ROLLED_BACK),
        facts(5, causes=(FLASK,)),
        facts(6, **other),
        facts(7, wrote=False),
    ]
    (found,) = recurrences_of(list(reversed(runs)))
    assert (found.service, found.names, found.count) == ("api", ("PyYAML",), 2)
    assert found.run_ids == (runs[3].run_id, runs[2].run_id)


def test_rates() -> None:
    """Rollbacks of what changed something, approvals with their waits, causes by run."""
    runs = [
        facts(1, causes=(PYYAML, FLASK), approved=1, waits=(10.0,), gated=True),
        facts(2, status=RunStatus.ROLLED_BACK, rolled_back=True, refused=("self_approval",)),
        facts(3, status=RunStatus.FAILED, rolled_back=True, rollback_incomplete=True),
        facts(4, wrote=False, causes=(), rejected=1, waits=(20.0,)),
    ]
    back = rollbacks_of(runs)
    assert (back.n, back.rolled_back, back.incomplete) == (3, 2, (runs[2].run_id,))
    assert back.rate == pytest.approx(2 / 3)
    decided = approvals_of(runs)
    assert (decided.approved, decided.rejected, decided.refused) == (1, 1, {"self_approval": 1})
    assert (decided.wait.n, decided.wait.p50) == (2, 15.0)
    assert [(cause.kind, cause.count) for cause in causes_of(runs)] == [("add_python_package", 3)]


def test_every_repair_falls_into_one_bin_and_twenty_minutes_is_an_edge() -> None:
    """The plot's line stands where SC-001's limit is."""
    took = [0.0, 14.9, 15.0, 1199.9, 1200.0, 99999.0]
    bins = bins_of([facts(n, repair_seconds=seconds) for n, seconds in enumerate(took)])
    assert sum(one.count for one in bins) == len(took)
    assert 1200 in [one.from_seconds for one in bins]
    assert sum(one.count for one in bins if one.from_seconds >= 1200) == 2
    assert bins_of([]) == ()


def test_the_period_bounds_everything_but_the_months() -> None:
    """Runs before ``since`` count only for the month in which the period begins; other projects nowhere."""
    period = Period(AT + timedelta(hours=10), AT + timedelta(hours=20), "shop")
    assert period.whole_months_since == datetime(2026, 3, 1, tzinfo=UTC)
    runs = [facts(5), facts(10), facts(19), facts(20), facts(15, project="other")]
    gathered = Gathered(runs, open={"executing": 2}, without_record={"terminated": 1}, notes=("said",))
    numbers = statistics_of(gathered, period, UNTIL, {"2026-03": 1, "2026-02": 9}, PER_RECOVERY)
    assert numbers.runs.by_status == {"succeeded": 2}
    assert numbers.runs.total == 5
    assert numbers.criteria[0].n == 2
    assert [(month.month, month.recoveries) for month in numbers.months] == [("2026-03", 4)]
    assert numbers.notes == ("said",)
