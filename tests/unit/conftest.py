"""What unit tests share: a server with an operator before it, and a place for log lines."""

import io
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.unit.cli_stage import Operator, Stage


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


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One server for this module."""
    with Stage() as running:
        yield running


@pytest.fixture
def operator(stage: Stage, tmp_path: Path) -> Operator:
    """An operator with a state directory of their own."""
    return Operator(stage, tmp_path)
