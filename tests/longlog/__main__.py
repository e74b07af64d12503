"""``make log-gigabyte``: a build with 1 MiB of output, then one with a GiB, on its own daemon."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from tests.chaos.daemon import OwnDaemon, cannot_run
from tests.longlog.measuring import MIB, NO_LIMITS, Measured, measure
from tests.sandbox import unique_project_name

ALLOWED_BYTES = 64 * MIB


def main() -> int:
    """Measure, print, judge: 0 where memory, artifact and masking are as they must be."""
    parser = argparse.ArgumentParser(prog="tests.longlog", description=__doc__)
    parser.add_argument("--mib", type=int, default=1024, help="output of the build in MiB")
    wanted = parser.parse_args().mib * MIB
    if why := cannot_run():
        sys.stdout.write(f"log-gigabyte: not run: {why}\n")
        return 5
    with tempfile.TemporaryDirectory(prefix="mm-longlog-") as made:
        scratch = Path(made)
        if shutil.disk_usage(scratch).free < 6 * wanted:
            sys.stdout.write("log-gigabyte: not run: less free space than six times the output\n")
            return 5
        daemon = OwnDaemon(scratch / "dockerd", unique_project_name(), NO_LIMITS)
        try:
            daemon.start()
            daemon.load("python:3.13-slim")
            small, large = (measure(size, daemon.endpoint, scratch) for size in (MIB, wanted))
        finally:
            daemon.remove()
    for told in (small, large):
        sys.stdout.write(_row(told))
    good = all(told.complete and not told.leaked and not told.warnings for told in (small, large))
    good = good and large.grown_bytes < ALLOWED_BYTES
    sys.stdout.write(f"{'passed' if good else 'FAILED'}: at most {ALLOWED_BYTES // MIB} MiB may be added\n")
    return 0 if good else 1


def _row(told: Measured) -> str:
    size = told.size_bytes / MIB
    return (
        f"log of {size:8.1f} MiB: memory +{told.grown_bytes / MIB:.1f} MiB, "
        f"{told.seconds:.1f} s ({size / told.seconds:.1f} MiB/s; cat {told.cat_seconds:.1f} s), "
        f"{'complete' if told.complete else 'INCOMPLETE'}, {'LEAKED' if told.leaked else 'masked'}, "
        f"warnings: {'; '.join(told.warnings) or 'none'}\n"
    )


if __name__ == "__main__":
    sys.exit(main())
