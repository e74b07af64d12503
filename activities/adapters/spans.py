"""Spans of what adapters do, inside the step's own; they cost nothing where tracing is off."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from opentelemetry import trace

_VERBS: Final = frozenset({"build", "up", "config", "ps", "version", "images", "start", "stop", "create"})


@contextmanager
def command_span(argv: Sequence[str]) -> Iterator[None]:
    """One Docker Compose command, named by what it does; its arguments stay here (I5)."""
    verb = next((word for word in argv if word in _VERBS), "command")
    with trace.get_tracer("mm_orchestrator").start_as_current_span(f"docker compose {verb}"):
        yield
