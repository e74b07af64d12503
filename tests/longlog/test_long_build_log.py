"""The short version of ``make log-gigabyte``, and what an ordinary daemon does to a long log."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.daemon import OwnDaemon, cannot_run
from tests.conftest import current_endpoint
from tests.longlog.measuring import MIB, NO_LIMITS, measure
from tests.sandbox import unique_project_name

ALLOWED_BYTES = 64 * MIB
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def unlimited(base_image: str) -> Iterator[OwnDaemon]:
    """A Docker daemon that clips no log."""
    assert not cannot_run(), cannot_run()
    # a socket's path must be short, and that of a test is not
    daemon = OwnDaemon(Path(tempfile.mkdtemp(prefix="mm-")) / "d", unique_project_name(), NO_LIMITS)
    try:
        daemon.start()
        daemon.load(base_image)
        yield daemon
    finally:
        daemon.remove()
        daemon.root.parent.rmdir()


def test_a_long_log_takes_no_memory(unlimited: OwnDaemon, tmp_path: Path):
    """80 MiB, more than may be added at all, against 1 MiB; whole, masked though colours split the value."""
    assert shutil.disk_usage(tmp_path).free > 1024 * MIB
    small, large = (measure(size, unlimited.endpoint, tmp_path) for size in (MIB, 80 * MIB))
    print(f"memory: +{small.grown_bytes} bytes with 1 MiB, +{large.grown_bytes} with 80 MiB")  # noqa: T201
    assert large.grown_bytes < ALLOWED_BYTES
    assert small.complete
    assert large.complete
    assert large.size_bytes > 75 * MIB
    assert not small.leaked
    assert not large.leaked
    assert not large.warnings


def test_a_clipped_log_is_flagged(base_image: str, tmp_path: Path):
    """An ordinary daemon cuts the output of a step after 2 MiB, and the run says so."""
    told = measure(6 * MIB, current_endpoint(), tmp_path)
    assert not told.complete
    assert not told.leaked
    assert any(warning.startswith("log_clipped") for warning in told.warnings)
