"""``mm-orchestrator clean`` with its clock put forward: it leaves alone what was changed within the last day.

A program of its own, because the command reads Docker's endpoint from its environment.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.chaos.world import World
from worker.clean import CleanReport, clean
from worker.retention import MARKS_KEPT, Rules
from worker.settings import WorkerSettings

_ROOT = Path(__file__).parents[2]
LATER = MARKS_KEPT + timedelta(days=35)
"""Long enough for everything: marks, and runs that might have waited for an approval."""


def clean_later(world: World) -> CleanReport:
    """As two nights after ``LATER`` would; what could not be removed is in the report.

    The first one puts a mark in place of each journal, the second removes the marks.
    """
    first = _once(world)
    second = _once(world)
    both = {"failed": first.failed + second.failed, "busy": first.busy + second.busy}
    return second.model_copy(update=both)


def _once(world: World) -> CleanReport:
    environment = world.worker.env | {"PYTHONPATH": str(_ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.soak.cleaning"], env=environment,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"clean: {done.stdout}\n{done.stderr}"
    return CleanReport.model_validate_json(done.stdout)


def main() -> None:
    """Print the report as JSON."""
    rules = Rules(now=datetime.now(UTC) + LATER, older_than=timedelta(days=1))
    report = asyncio.run(clean(WorkerSettings(), rules, dry_run=False))
    sys.stdout.write(report.model_dump_json())


if __name__ == "__main__":
    main()
