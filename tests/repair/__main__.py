"""``make bench-repair``: diagnosis of every labelled log, then repairs on the real Docker engine."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path

from tests.repair.broken import End
from tests.repair.cases import OWN, load
from tests.repair.diagnosis import measure
from tests.repair.speed import report


def main() -> int:
    """Exit code 1 where a case that must be declined was answered with a change, or a repair went wrong."""
    asked = _arguments()
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell has made us ignore the first
        signal.signal(number, _leave)
    document: dict[str, object] = {}
    failed = False
    if asked.only in (None, "diagnosis"):
        failed |= _diagnosis(asked, document)
    if asked.only in (None, "speed"):
        report(_say)
    if asked.only in (None, "end-to-end"):
        failed |= _end_to_end(asked, document)
    if asked.json:
        asked.json.write_text(json.dumps(document, indent=1) + "\n")
    return int(failed)


def _diagnosis(asked: argparse.Namespace, document: dict[str, object]) -> bool:
    failed = False
    for name, place in (("own corpus", OWN), ("given corpus", asked.corpus)):
        if place is None or not place.is_dir():
            continue
        cases = load(place)
        if not cases:
            continue
        score = measure(cases)
        document[f"diagnosis: {name}"] = score.document()
        _say(f"== Diagnosis, {name}: {len(cases)} cases\n\n{score.report()}\n")
        failed |= bool(score.wrong_on_declined)
    return failed


def _end_to_end(asked: argparse.Namespace, document: dict[str, object]) -> bool:
    from tests.repair.repairs import bench  # noqa: PLC0415 - the diagnosis alone needs no Docker

    outcomes = bench(asked.case, asked.minutes, _say)
    document["end to end"] = [outcome.document() for outcome in outcomes]
    return any(not (o.as_expected or o.end is End.NOT_PLAYED) for o in outcomes)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.repair", description=__doc__)
    parser.add_argument("--only", choices=("diagnosis", "speed", "end-to-end"), help="one part of it")
    parser.add_argument("--corpus", type=Path, metavar="DIR", help="more diagnosis cases of the same shape")
    parser.add_argument("--case", action="append", default=[], metavar="ID", help="end to end: only these")
    parser.add_argument("--minutes", type=float, default=60, help="end to end: begin no case after so many")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every outcome there")
    return parser.parse_args()


def _leave(*_: object) -> None:
    """End as an exception does: what is on the bench is taken away first."""
    raise KeyboardInterrupt


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
