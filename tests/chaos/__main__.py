"""``make chaos N=200``: random faults at random instants until N of them have struck, then the table."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from pathlib import Path

from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter

from tests.chaos.case import Fault, draw
from tests.chaos.export import EXPORT, export
from tests.chaos.outcome import Outcome
from tests.chaos.round import play
from tests.chaos.tally import Tally, summary, usual_place
from tests.chaos.world import PROTECTED, World, not_run, world
from tests.reliability.page import PAGE, write

_FRESH_WORLD_ROUNDS = 40
"""A world is made anew after so many rounds: neither disk nor daemon may grow without bounds."""


def main() -> int:
    """Exit code 1 where anything was violated."""
    asked = _arguments()
    quiet_runtime()
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell has made us ignore the first
        signal.signal(number, _leave)
    tally = Tally(asked.place)
    missing = not_run()
    if asked.export:
        _export(tally, missing)
        return 0
    possible = frozenset(fault for fault in Fault if fault not in missing)
    if asked.replay is not None:
        seen = _campaign([asked.replay], asked, possible, None)
        sys.stdout.write(summary(seen, missing) + "\n")
        return int(any(outcome.violations for outcome in seen))
    deadline = time.monotonic() + asked.minutes * 60
    while _struck(tally) < asked.cases and time.monotonic() < deadline:
        seeds = _seeds(tally, asked.seed)
        _campaign(seeds, asked, possible, tally, deadline)
    seen = tally.all()
    sys.stdout.write(summary(seen, missing) + "\n")
    _export(tally, missing)
    if _struck(tally) < asked.cases:
        sys.stdout.write(f"{_struck(tally)} of {asked.cases} so far: call it again to go on\n")
    return int(any(outcome.violations for outcome in seen))


def _export(tally: Tally, missing: dict[str, str]) -> None:
    """Into the repository, and onto the page of its figures."""
    campaign = export(tally.all(), missing)
    write()
    sys.stdout.write(f"{EXPORT}: {len(campaign.rounds)} rounds in all; {PAGE} renders them\n")


def _campaign(
    seeds: list[int],
    asked: argparse.Namespace,
    possible: frozenset[Fault],
    tally: Tally | None,
    deadline: float | None = None,
) -> list[Outcome]:
    """Play these rounds in one world."""
    seen: list[Outcome] = []
    with world(asked.projects) as made:
        for seed in seeds:
            if tally is not None and _struck(tally) >= asked.cases:
                break
            if deadline is not None and time.monotonic() > deadline:
                break
            outcomes = _play(made, seed, possible)
            seen += outcomes
            if tally is not None:
                tally.add(outcomes)
            if any(outcome.violations for outcome in outcomes):
                _keep_evidence(made, seed, asked.place)
    return seen


def _play(made: World, seed: int, possible: frozenset[Fault]) -> list[Outcome]:
    began = time.monotonic()
    drawn = draw(seed, tuple(site.protected for site in made.sites), possible)
    outcomes = asyncio.run(play(made, drawn))
    for o in outcomes:
        verdict = "VIOLATION " + "; ".join(o.violations) if o.violations else "ok"
        how = f"{o.status:<11} {o.code or '':<20} {o.measured:<9}"
        sys.stdout.write(f"seed {seed} {o.fault:<15} {o.step:<9} {how} {verdict}\n")
    sys.stdout.write(f"seed {seed} took {time.monotonic() - began:.0f} s\n")
    sys.stdout.flush()
    return outcomes


def _keep_evidence(made: World, seed: int, place: Path) -> None:
    """What the worker and the server said, for whoever looks for the cause."""
    place.mkdir(parents=True, exist_ok=True)
    for log in (made.worker.log, made.server.log):
        (place / f"seed-{seed}-{log.name}").write_bytes(log.read_bytes()[-4_000_000:])


def _struck(tally: Tally) -> int:
    return sum(outcome.counts for outcome in tally.all())


def _seeds(tally: Tally, first: int) -> list[int]:
    start = tally.next_seed(first)
    played = {outcome.seed for outcome in tally.all()}
    return [seed for seed in range(start, start + 4 * _FRESH_WORLD_ROUNDS) if seed not in played][
        :_FRESH_WORLD_ROUNDS
    ]


def _leave(number: int, _frame: object) -> None:
    """By way of every clean-up: a daemon of our own would outlive us."""
    raise SystemExit(128 + number)


def quiet_runtime() -> None:
    """A server that is killed is no news here."""
    level = TelemetryFilter(core_level="OFF", other_level="OFF")
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter=level))))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--cases", type=int, default=200, help="faults to strike in all, over several calls")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--replay", type=int, help="play the round of this seed again, and only that")
    parser.add_argument(
        "--export", action="store_true", help="only add the outcomes to the repository's figures"
    )
    parser.add_argument("--projects", type=int, default=len(PROTECTED), help="side by side")
    parser.add_argument("--minutes", type=float, default=120, help="begin no round after so long")
    parser.add_argument("--place", type=Path, default=usual_place(), help="where the outcomes add up")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
