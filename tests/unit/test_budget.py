"""The circuit breaker: which runs count, and when the next one may begin."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.budget import DAY, closes_at, require_budget
from workflows.errors import OrchestratorError

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def ago(*hours: float) -> list[datetime]:
    """Runs that began so many hours ago."""
    return [NOW - timedelta(hours=each) for each in hours]


CASES = [
    ([], None, None),
    (ago(1, 2, 3), None, None),
    ([], 1, None),
    (ago(25), 1, None),
    (ago(24), 1, None),
    (ago(23), 1, 1),
    (ago(1, 2), 3, None),
    (ago(1, 2, 20), 3, 4),
    (ago(20, 2, 1), 3, 4),
    (ago(1, 2, 20, 23), 3, 4),  # four were permitted before the limit was lowered: two must pass
]


@pytest.mark.parametrize(("begun", "limit", "hours"), CASES)
def test_when_a_further_run_may_begin(begun: list[datetime], limit: int | None, hours: int | None) -> None:
    """Fewer than the limit within 24 hours: now; else when enough of them are a day old."""
    assert closes_at(begun, limit, NOW) == (None if hours is None else NOW + timedelta(hours=hours))


def test_the_refusal_names_count_limit_and_time() -> None:
    """All that an operator needs to decide what to do."""
    with pytest.raises(OrchestratorError) as caught:
        require_budget(ago(1, 23, 30), 2, NOW, "api")
    assert caught.value.code == "circuit_open"
    assert "2 runs changed service api" in caught.value.message
    assert "2 are permitted" in caught.value.message
    assert "2026-03-02 13:00:00 UTC" in caught.value.message


@given(
    st.lists(st.timedeltas(timedelta(0), timedelta(hours=60)), max_size=12),
    st.integers(min_value=1, max_value=6),
)
def test_no_day_ever_holds_more_than_the_limit(gaps: list[timedelta], limit: int) -> None:
    """Whoever only begins when the breaker permits it, never exceeds the limit in any 24 hours."""
    begun: list[datetime] = []
    now = NOW
    for gap in gaps:
        now += gap
        again = closes_at(begun, limit, now)
        now = again or now
        assert closes_at(begun, limit, now) is None, "the promised time must be enough"
        begun.append(now)
        assert len([at for at in begun if at > now - DAY]) <= limit
