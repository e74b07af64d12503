"""What of settled runs goes and what stays. Pure: facts in, decisions out.

Whatever the rules say, nothing goes of a run whose journal is open or cannot be read, nothing of a run that
was changed within the last day, and nothing of a run that is not known to have ended and may still wait for
its approval.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from activities.adapters.leftovers import Kind, Leftover, RunLeft
from activities.holding import KEPT_RUNS

MAY_STILL_RUN: Final = timedelta(days=1)
MAY_STILL_WAIT: Final = timedelta(days=31)
"""An approval's time limit is 30 days at most."""
MARKS_KEPT: Final = timedelta(days=90)
"""A mark in place of a journal is longer of use than Temporal usually keeps the run's workflow."""
DEFAULT_KEEP_BYTES: Final = 5 * 1024**3
_AGE = re.compile(r"(\d{1,5})([dw])")
_BYTES = re.compile(r"(\d{1,15})([KMGT]?)(?:i?B)?")
_IN_FILES: Final = (Kind.PLAN, Kind.ARTIFACTS, Kind.UNDELIVERED, Kind.JOURNAL)


@dataclass(frozen=True)
class Rules:
    """How long and how much."""

    now: datetime
    older_than: timedelta
    keep_bytes: int = DEFAULT_KEEP_BYTES
    """Of files in the state directory, over all runs."""
    including_undelivered: bool = False


@dataclass(frozen=True)
class Found:
    """Everything that was looked at."""

    runs: tuple[RunLeft, ...] = ()
    held: tuple[Leftover, ...] = ()
    """Oldest first."""
    volumes: tuple[Leftover, ...] = ()
    throwaways: tuple[Leftover, ...] = ()
    tokens: tuple[Leftover, ...] = ()
    docker_asked: bool = True
    """Otherwise journals stay: only they know what is left on the daemon."""


@dataclass(frozen=True)
class Going:
    """One thing that goes, and why."""

    left: Leftover
    why: str


@dataclass(frozen=True)
class Selection:
    """The answer."""

    going: tuple[Going, ...] = ()
    kept: tuple[str, ...] = ()
    """Sentences about what an operator might have expected to go."""


@dataclass
class _Sorting:
    rules: Rules
    found: Found
    going: list[Going] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    def take(self, left: Iterable[Leftover], why: str, run: RunLeft | None = None) -> None:
        known = {one.left.name for one in self.going}
        self.going += [Going(_placed(one, run), why) for one in left if one.name not in known]

    def goes(self, one: Leftover) -> bool:
        return any(going.left.name == one.name for going in self.going)


def select(found: Found, rules: Rules) -> Selection:
    """Holds beyond the last of each service, then what is too old, then the oldest over the budget."""
    sorting = _Sorting(rules, found)
    free = {run.run_id: run for run in found.runs if _is_free(run, rules)}
    _holds(sorting, free)
    _by_age(sorting, free)
    _over_budget(sorting, free)
    sorting.take(found.throwaways, "its worker is gone, its time is over")
    sorting.take((one for one in found.tokens if one.at < rules.now), "the token has expired")
    opened = [f"{run.run_id}: its journal is open: mm-orchestrator recover {run.run_id}"
              for run in found.runs if run.open]  # fmt: skip
    return Selection(tuple(sorting.going), (*opened, *sorting.kept))


def _is_free(run: RunLeft, rules: Rules) -> bool:
    spared = MAY_STILL_RUN if run.ended else MAY_STILL_WAIT
    return not run.open and run.changed_at + spared <= rules.now


def _holds(sorting: _Sorting, free: dict[str, RunLeft]) -> None:
    """Only of runs that a settled journal here vouches for; the state directory of another one may not be."""
    places: dict[tuple[str, str], list[Leftover]] = {}
    known = {run.run_id: run for run in sorting.found.runs}
    for one in sorting.found.held:
        run = known.get(one.run_id)
        one = _placed(one, run)  # noqa: PLW2901 - the same image, with its service
        if run is None or not (run.journals or run.open):
            sorting.kept.append(f"{one.name}: no journal here knows its run; docker rm "
                                f"mm-orchestrator-held-{one.run_id}, docker rmi {one.name}")  # fmt: skip
            continue
        places.setdefault((one.project, one.service), []).append(one)
    for (project, service), holds in places.items():
        over = [one for one in holds[:-KEPT_RUNS] if one.run_id in free]
        sorting.take(over, f"{project}/{service} has {KEPT_RUNS} newer ones")


def _by_age(sorting: _Sorting, free: dict[str, RunLeft]) -> None:
    rules = sorting.rules
    for run in free.values():
        if run.changed_at + rules.older_than > rules.now:
            continue
        why = f"older than {rules.older_than.days} days"
        volumes = [one for one in sorting.found.volumes if one.name in run.volumes_left]
        sorting.take(volumes, why, run)
        _take_files(sorting, run, why, promised=True)
        marks = [one for one in run.files if one.kind is Kind.MARK]
        sorting.take((one for one in marks if one.at + MARKS_KEPT <= rules.now), why, run)


def _over_budget(sorting: _Sorting, free: dict[str, RunLeft]) -> None:
    """Oldest first, and only of runs that are known to have ended."""
    counted = [one for run in sorting.found.runs for one in run.files if one.kind in _IN_FILES]
    total = sum(one.size_bytes or 0 for one in counted if not sorting.goes(one))
    for run in sorted(free.values(), key=lambda run: (run.changed_at, run.run_id)):
        if total <= sorting.rules.keep_bytes:
            return
        if run.ended:
            before = len(sorting.going)
            why = f"more than {size_text(sorting.rules.keep_bytes)} are kept"
            _take_files(sorting, run, why, promised=False)
            total -= sum(one.left.size_bytes or 0 for one in sorting.going[before:])
    if total > sorting.rules.keep_bytes:
        sorting.kept.append(f"{size_text(total)} stay, more than --keep-bytes: the rest may not go yet")


def _take_files(sorting: _Sorting, run: RunLeft, why: str, *, promised: bool) -> None:
    """A run's plans, evidence and, where nothing needs it any more, journals."""
    rules = sorting.rules
    waiting = [one for one in run.files if one.kind is Kind.UNDELIVERED]
    sorting.take((one for one in run.files if one.kind is Kind.PLAN), why, run)
    if waiting and not rules.including_undelivered:
        sorting.kept.append(f"{run.run_id}: evidence was not delivered yet; a running worker delivers it")
    elif not promised or run.retain_until <= rules.now:
        sorting.take((one for one in run.files if one.kind is Kind.ARTIFACTS), why, run)
        sorting.take(waiting, f"{why}; it was never delivered", run)
    holds = [one for one in sorting.found.held if one.run_id == run.run_id]
    volumes = [one for one in sorting.found.volumes if one.name in run.volumes_left]
    if sorting.found.docker_asked and all(sorting.goes(one) for one in (*holds, *volumes)):
        sorting.take((one for one in run.files if one.kind is Kind.JOURNAL), why, run)


def _placed(one: Leftover, run: RunLeft | None) -> Leftover:
    """With the run and the service it belongs to."""
    if run is None or not run.journals:
        return one
    last = run.journals[-1]
    return replace(one, run_id=run.run_id, project=last.project, service=last.target.service)


def age(text: str) -> timedelta:
    """``90d`` or ``12w``; at least a day.

    Raises:
        ValueError: it is something else.
    """
    found = _AGE.fullmatch(text.strip())
    if found is None or int(found[1]) == 0:
        raise ValueError("an age is a number of days or weeks, at least one: 90d, 12w")
    return timedelta(days=int(found[1]) * (7 if found[2] == "w" else 1))


def byte_count(text: str) -> int:
    """``5G``, ``500M``, ``5GiB`` or a plain number; a thousand is 1024.

    Raises:
        ValueError: it is something else.
    """
    found = _BYTES.fullmatch(text.strip())
    if found is None:
        raise ValueError("a size is a number of bytes, or one with K, M, G or T: 5G")
    power = " KMGT".index(found[2] or " ")
    return int(found[1]) * (1 << 10 * power)


def size_text(size: int | None) -> str:
    """For people."""
    if size is None:
        return "? B"
    amount, unit = float(size), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if amount < 1024 or unit == "TiB":
            break
        amount /= 1024
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


def total_of(going: Sequence[Going]) -> int:
    """Bytes, as far as they are known; layers that held images share with others count as theirs."""
    return sum(one.left.size_bytes or 0 for one in going)
