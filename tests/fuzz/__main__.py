"""``make fuzz MINUTES=10``: every target for its share of the time, then the figures."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime

from tests.fuzz.feeding import feed_apart
from tests.fuzz.results import BROKEN, KEPT, kept
from tests.fuzz.targets import targets


def main() -> int:
    """Exit code 1 where something broke in this call."""
    asked = _arguments()
    names = [target.name for target in targets() if asked.only in (None, target.name)]
    so_far = kept()
    seed = asked.seed if asked.seed is not None else len(so_far.seeds) + 1
    fed = {}
    for name in names:
        fed[name] = feed_apart(name, seed, asked.minutes * 60 / len(names), BROKEN)
        told = fed[name]
        sys.stdout.write(
            f"{name:<18} {told.inputs:>9,} inputs, slowest {told.slowest_seconds * 1000:6.0f} ms, "
            f"{told.hangs} hangs, crashes: {'; '.join(told.crashes) or 'none'}\n"
        )
        sys.stdout.flush()
    together = so_far.plus(seed, f"{datetime.now(UTC):%Y-%m-%d}", fed)
    KEPT.write_text(together.model_dump_json(indent=1) + "\n")
    return int(any(told.crashes or told.hangs for told in fed.values()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="for all targets together")
    parser.add_argument("--only", help="one target")
    parser.add_argument("--seed", type=int, help="default: one that was not used yet")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
