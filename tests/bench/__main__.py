"""``make bench`` and ``make bench-quick``: measure, print, keep, render."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from tests.bench.figures import Figure, Part, Results
from tests.bench.history import histories
from tests.bench.lag import verdicts
from tests.bench.log_path import log_path
from tests.bench.machine import machine
from tests.bench.many import throughput
from tests.bench.overhead import long_build, small_service
from tests.bench.rendering import markdown, svg
from tests.bench.startup import help_text, local_run
from tests.bench.undo import rollback
from tests.bench.waiting import waiting

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "BENCHMARKS.md"
KEPT = ROOT / "docs" / "benchmarks" / "results.json"
PLOT = KEPT.with_suffix(".svg")

Bench = Callable[[int], Awaitable[tuple[Figure, ...]]]


@dataclass(frozen=True)
class Entry:
    """One benchmark: its name, how it is carried out, and how many trials it takes quick and full."""

    name: str
    bench: Bench
    quick: int
    full: int


def entries(*, quick: bool) -> tuple[Entry, ...]:
    """Every benchmark, in the order of the table."""
    build = 10 if quick else 120
    return (
        Entry("overhead", small_service, 5, 10),
        Entry("long-build", partial(long_build, seconds=build), 5, 5),
        Entry("lag", verdicts, 10, 40),
        Entry("rollback", rollback, 5, 10),
        Entry("history", histories, 5, 5),
        Entry("log-path", partial(log_path, mib=64 if quick else 1024), 5, 5),
        Entry("waiting", partial(waiting, levels=(1, 10, 50) if quick else (1, 10, 100, 1000)), 10, 30),
        Entry("throughput", partial(throughput, batch=6 if quick else 20), 5, 5),
        Entry("help", help_text, 11, 31),
        Entry("local", local_run, 5, 10),
    )


def main() -> int:
    """Exit code 0 where everything was measured, whatever the figures say."""
    asked = _arguments()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    chosen = [one for one in entries(quick=asked.quick) if asked.only in (None, one.name)]
    for entry in () if asked.render else chosen:
        keep(asked.json, measure(entry, quick=asked.quick))
    render(asked.json)
    return 0


def measure(entry: Entry, *, quick: bool) -> Part:
    """Carry out one benchmark."""
    on, figures, missing = machine(), (), ""
    sys.stdout.write(f"{entry.name} ...\n")
    sys.stdout.flush()
    try:
        figures = asyncio.run(entry.bench(entry.quick if quick else entry.full))  # type: ignore[arg-type]
    except (AssertionError, OSError) as error:
        missing = " ".join(str(error).split())[:200] or type(error).__name__
        sys.stdout.write(f"{entry.name}: not run: {missing}\n")
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    return Part(name=entry.name, date=now, quick=quick, machine=on, figures=figures, not_run=missing)


def keep(kept: Path, part: Part) -> None:
    """In place of what was measured of this benchmark before; at once, whatever becomes of the next."""
    before = Results.model_validate_json(kept.read_text()) if kept.exists() else Results()
    after = before.with_part(part, tuple(one.name for one in entries(quick=True)))
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(after.model_dump_json(indent=1) + "\n")


def render(kept: Path) -> None:
    """The page and the plot anew."""
    results = Results.model_validate_json(kept.read_text())
    PAGE.write_text(markdown(results))
    PLOT.write_text(svg(results))
    sys.stdout.write(markdown(results))


def _leave(number: int, _frame: object) -> None:
    """By way of every clean-up."""
    raise SystemExit(128 + number)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer trials, a short build")
    parser.add_argument(
        "--only",
        choices=[entry.name for entry in entries(quick=True)],
        help="one; the others stay as they are",
    )
    parser.add_argument("--json", type=Path, default=KEPT, help="where the results are kept")
    parser.add_argument("--render", action="store_true", help="measure nothing, render what was kept")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
