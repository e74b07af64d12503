"""What unit tests of log lines share."""

import io
import logging
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """The lines; the process's logging is put back afterwards."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    target = io.StringIO()
    yield target
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()
