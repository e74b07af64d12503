"""``make soak MINUTES=30``: one more stretch, until the stretches are two hours in all."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time

from tests.chaos.__main__ import quiet_runtime
from tests.chaos.case import Fault
from tests.chaos.world import PROTECTED, not_run, world
from tests.reliability.page import PAGE, write
from tests.soak.results import RESULTS, Stretch, add, read
from tests.soak.stretch import Soaking

IN_ALL_MINUTES = 120
DISK = "2g"
"""Of the state directory: nothing is cleaned before the end of a stretch."""


def main() -> int:
    """Exit code 1 where a run went wrong or something leaks."""
    asked = _arguments()
    quiet_runtime()
    seed = asked.seed + len(read().stretches)
    stretch = soak(seed, asked.minutes, asked.projects)
    total = add(stretch)
    write()
    for line in (*stretch.wrong, *(f"LEAK {leak}" for leak in stretch.leaks)):
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(
        f"seed {seed}: {stretch.runs} runs in {stretch.minutes} minutes, {len(stretch.wrong)} wrong, "
        f"{len(stretch.leaks)} leaks; {total.minutes} of {IN_ALL_MINUTES} minutes so far\n"
        f"{RESULTS}; {PAGE} renders it\n"
    )
    return int(bool(stretch.wrong or stretch.leaks))


def soak(seed: int, minutes: float, projects: int) -> Stretch:
    """A stretch in a world of its own; Ctrl-C ends it after the round under way, with its verdict."""
    asked_to_end: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda got, _frame: asked_to_end.append(got))
    deadline = time.monotonic() + minutes * 60
    possible = frozenset(fault for fault in Fault if fault not in not_run())
    with world(projects, DISK) as made:
        soaking = Soaking(made, seed, possible)
        return asyncio.run(soaking.soak(lambda: not asked_to_end and time.monotonic() < deadline))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="begin no round after so long")
    parser.add_argument(
        "--seed", type=int, default=1, help="of the first stretch; each further one has the next"
    )
    parser.add_argument("--projects", type=int, default=len(PROTECTED), help="side by side")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
