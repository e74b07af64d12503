"""When maintenance windows are open: pure calculation over the time zone database.

A window is given in local time. Where clocks go back, an hour that comes twice counts the first time;
where they go forward, a time that does not exist is read with the offset before the change. So a window
is never longer in local time than it says.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from workflows.errors import OrchestratorError
from workflows.models.policy_rules import MaintenanceWindow, Weekday

_DAYS = tuple(Weekday)
_HORIZON_DAYS = 9
"""A week, the day before it (a window that crosses midnight) and the next one (the date line)."""


@dataclass(frozen=True, order=True)
class Opening:
    """One time that a window is open: from ``start`` on, no longer at ``end``; both in UTC."""

    start: datetime
    end: datetime


def is_open(windows: tuple[MaintenanceWindow, ...], now: datetime) -> bool:
    """Whether something may be changed now; without any window always."""
    return not windows or any(opening.start <= now < opening.end for opening in _openings(windows, now))


def next_opening(windows: Iterable[MaintenanceWindow], now: datetime) -> datetime | None:
    """When the next window opens after now, in UTC; None where none does within a week."""
    return min((opening.start for opening in _openings(windows, now) if opening.start > now), default=None)


def require_open(windows: tuple[MaintenanceWindow, ...], now: datetime, service: str) -> None:
    """Refuse to change anything outside the windows.

    Raises:
        OrchestratorError: ``outside_maintenance_window`` with the next opening.
    """
    if is_open(windows, now):
        return
    following = next_opening(windows, now)
    opens = following.strftime("%a %Y-%m-%d %H:%M UTC") if following else "at no time within a week"
    raise OrchestratorError("outside_maintenance_window", service=service, opens=opens)


def _openings(windows: Iterable[MaintenanceWindow], now: datetime) -> Iterator[Opening]:
    for window in windows:
        zone = ZoneInfo(window.timezone)
        today = now.astimezone(zone).date()
        for days in range(-1, _HORIZON_DAYS):
            day = today + timedelta(days=days)
            if _DAYS[day.weekday()] in window.days:
                opening = _on(window, day, zone)
                if opening.start < opening.end:  # else the clock change swallowed it
                    yield opening


def _on(window: MaintenanceWindow, day: date, zone: ZoneInfo) -> Opening:
    start, end = time.fromisoformat(window.start), time.fromisoformat(window.end)
    last = day if end > start else day + timedelta(days=1)
    return Opening(_instant(day, start, zone), _instant(last, end, zone))


def _instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at, tzinfo=zone).astimezone(UTC)
