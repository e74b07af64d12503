"""Maintenance windows: local times, midnight, clock changes; a property over every zone and hour."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.errors import OrchestratorError
from workflows.maintenance import is_open, next_opening, require_open
from workflows.models.policy_rules import MaintenanceWindow, Weekday


def window(start: str, end: str, *days: str, zone: str = "UTC") -> MaintenanceWindow:
    """One window; every day where none is named."""
    chosen = {"days": days} if days else {}
    return MaintenanceWindow.model_validate({"start": start, "end": end, "timezone": zone, **chosen})


def at(text: str) -> datetime:
    """An instant; in UTC where it names no zone."""
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


NIGHT = window("22:00", "04:00", "mon")
BERLIN = "Europe/Berlin"
CASES = [
    # 2026-03-02 is a Monday
    (window("09:00", "17:00"), "2026-03-02T08:59:59", False),
    (window("09:00", "17:00"), "2026-03-02T09:00:00", True),
    (window("09:00", "17:00"), "2026-03-02T16:59:59", True),
    (window("09:00", "17:00"), "2026-03-02T17:00:00", False),
    (window("09:00", "17:00", "tue"), "2026-03-02T12:00:00", False),
    (NIGHT, "2026-03-02T21:59:59", False),
    (NIGHT, "2026-03-02T22:00:00", True),
    (NIGHT, "2026-03-03T03:59:59", True),  # Tuesday morning belongs to Monday's window
    (NIGHT, "2026-03-03T04:00:00", False),
    (NIGHT, "2026-03-02T03:00:00", False),  # Monday morning belongs to Sunday's
    (NIGHT, "2026-03-03T23:00:00", False),
    (window("00:00", "00:00", "mon"), "2026-03-02T00:00:00", True),
    (window("00:00", "00:00", "mon"), "2026-03-02T23:59:59", True),
    (window("00:00", "00:00", "mon"), "2026-03-03T00:00:00", False),
    (window("22:00", "04:00", "sun"), "2026-03-02T01:00:00", True),  # over the end of the week
    # the same local hours are other instants in summer
    (window("22:00", "23:00", zone=BERLIN), "2026-01-15T21:30:00", True),
    (window("22:00", "23:00", zone=BERLIN), "2026-07-15T21:30:00", False),
    (window("22:00", "23:00", zone=BERLIN), "2026-07-15T20:30:00", True),
    # 2026-03-29 clocks go from 02:00 to 03:00: the night is an hour shorter
    (window("22:00", "04:00", "sat", zone=BERLIN), "2026-03-29T01:59:59", True),
    (window("22:00", "04:00", "sat", zone=BERLIN), "2026-03-29T02:00:00", False),
    # a start that does not exist that day is read with the old offset: 02:30 is 03:30
    (window("02:30", "05:00", zone=BERLIN), "2026-03-29T01:29:59", False),
    (window("02:30", "05:00", zone=BERLIN), "2026-03-29T01:30:00", True),
    # the whole window does not exist
    (window("02:10", "03:00", zone=BERLIN), "2026-03-29T01:10:00", False),
    # 2026-10-25 02:00 to 03:00 comes twice: the first time counts
    (window("02:00", "02:30", zone=BERLIN), "2026-10-25T00:15:00", True),
    (window("02:00", "02:30", zone=BERLIN), "2026-10-25T01:15:00", False),
    (window("22:00", "04:00", "sat", zone=BERLIN), "2026-10-25T02:59:59", True),
    # beyond the date line it is tomorrow already
    (window("08:00", "09:00", "tue", zone="Pacific/Kiritimati"), "2026-03-02T18:30:00", True),
]


@pytest.mark.parametrize(("one", "now", "open_then"), CASES)
def test_when_a_window_is_open(one: MaintenanceWindow, now: str, open_then: bool) -> None:
    """Start belongs to it, end does not."""
    assert is_open((one,), at(now)) is open_then


def test_several_windows_add_up_and_none_means_always() -> None:
    """What one permits, another does not take away."""
    both = (window("09:00", "10:00"), window("20:00", "21:00"))
    assert is_open(both, at("2026-03-02T20:30:00"))
    assert not is_open(both, at("2026-03-02T12:00:00"))
    assert is_open((), at("2026-03-02T12:00:00"))


OPENINGS = [
    (NIGHT, "2026-03-02T12:00:00", "2026-03-02T22:00:00"),
    (NIGHT, "2026-03-03T04:00:00", "2026-03-09T22:00:00"),
    (window("22:00", "23:00", zone=BERLIN), "2026-03-28T22:30:00", "2026-03-29T20:00:00"),
    (window("02:10", "03:00", "sun", zone=BERLIN), "2026-03-23T00:00:00", None),  # swallowed, then too far
    (window("09:00", "10:00"), "2026-03-02T09:00:00", "2026-03-03T09:00:00"),
]


@pytest.mark.parametrize(("one", "now", "opens"), OPENINGS)
def test_the_next_opening(one: MaintenanceWindow, now: str, opens: str | None) -> None:
    """After now, with the clock changes in between."""
    assert next_opening((one,), at(now)) == (at(opens) if opens else None)


def test_a_refusal_names_the_next_opening() -> None:
    """The operator reads when to come back, in a form that cannot be misread."""
    with pytest.raises(OrchestratorError) as caught:
        require_open((NIGHT,), at("2026-03-03T12:00:00"), "api")
    assert caught.value.code == "outside_maintenance_window"
    assert "Mon 2026-03-09 22:00 UTC" in caught.value.message


@given(
    start=st.times().map(lambda t: t.strftime("%H:%M")),
    end=st.times().map(lambda t: t.strftime("%H:%M")),
    days=st.sets(st.sampled_from(list(Weekday)), min_size=1),
    zone=st.sampled_from(["UTC", BERLIN, "America/New_York", "Australia/Lord_Howe", "Pacific/Kiritimati"]),
    now=st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),
)
def test_an_opening_is_open_and_nothing_before_it_is(
    start: str, end: str, days: set[Weekday], zone: str, now: datetime
) -> None:
    """At the next opening it is open; just before, only an earlier window can be."""
    one = (window(start, end, *days, zone=zone),)
    opens = next_opening(one, now)
    assert opens is not None or len(days) < 7
    if opens is None:
        return
    assert opens > now
    assert is_open(one, opens)
    local = opens.astimezone(ZoneInfo(zone))
    assert list(Weekday)[local.weekday()] in days
    if not is_open(one, now):
        middle = now + (opens - now) / 2
        assert not is_open(one, middle)
        assert not is_open(one, opens - timedelta(microseconds=1))
