"""The OpenTelemetry SDK, set up once per process as the OTEL_* variables say.

Spans leave in batches from a thread of the SDK's; its queue is bounded, and a collector that is gone or
hangs costs memory for 2048 spans and at most a second when the process ends.
"""

import hashlib
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from starter.masking import mask as starter_mask
from starter.telemetry.masked_spans import Mask, MaskingExporter, masked_attributes

TRACER: Final = "mm_orchestrator"
FINISHING: Final = "telemetry-end"
"""Name of the threads that may be left behind when the process ends."""
_SERVICE: Final = "mm-orchestrator"
TIMEOUT_SECONDS: Final = 5.0
_COMMAND_TIMEOUT_SECONDS: Final = 0.7
"""Of a command that ends at once: shorter than the SDK's wait before a second try, so that there is none."""

_lock = threading.Lock()
_running: "Tracing | None" = None
_ends: list[Callable[[], object]] = []


class RunIds(RandomIdGenerator):
    """Random ids, but for spans whose ids others must know already."""

    def __init__(self) -> None:
        self._pinned = threading.local()

    @contextmanager
    def pinned(self, trace_id: int, span_id: int) -> Iterator[None]:
        """The next span that this thread begins has these ids."""
        self._pinned.ids = (trace_id, span_id)
        try:
            yield
        finally:
            self._pinned.ids = None

    def generate_trace_id(self) -> int:
        """128 bits."""
        ids = getattr(self._pinned, "ids", None)
        return ids[0] if ids else super().generate_trace_id()

    def generate_span_id(self) -> int:
        """64 bits."""
        ids = getattr(self._pinned, "ids", None)
        return ids[1] if ids else super().generate_span_id()


@dataclass(frozen=True)
class Tracing:
    """A provider whose spans are masked, and its ids."""

    provider: TracerProvider
    ids: RunIds

    @classmethod
    def exporting_to(cls, exporter: SpanExporter, mask: Mask) -> "Tracing":
        """Spans go to this exporter, in batches."""
        ids = RunIds()
        provider = TracerProvider(resource=resource(mask), id_generator=ids, shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(MaskingExporter(exporter, mask)))
        return cls(provider, ids)


def tracing(mask: Mask = starter_mask, timeout: float = _COMMAND_TIMEOUT_SECONDS) -> Tracing:
    """The process's tracing; the first call sets it up, so a worker calls it first with its own mask.

    Args:
        mask: applied to every text of a span.
        timeout: seconds of one request, where no variable says.
    """
    global _running  # noqa: PLW0603 - OpenTelemetry's provider is one per process as well
    with _lock:
        if _running is None:
            hush()
            exporter = OTLPSpanExporter(timeout=timeout_seconds("TRACES", timeout))
            _running = Tracing.exporting_to(exporter, mask)
            at_the_end(_running.provider.shutdown)
            trace.set_tracer_provider(_running.provider)
        return _running


def resource(mask: Mask) -> Resource:
    """What the variables say of this process, masked; its name is ours where they give none."""
    told = Resource.create()
    named = bool(os.environ.get("OTEL_SERVICE_NAME")) or "service.name=" in os.environ.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    )
    own = {} if named else {SERVICE_NAME: _SERVICE}
    return Resource({**masked_attributes(told.attributes, mask), **own})


def timeout_seconds(signal: str, usual: float) -> float | None:
    """Of one request; None: the exporter reads it from its variable."""
    names = (f"OTEL_EXPORTER_OTLP_{signal}_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT")
    return None if any(os.environ.get(name) for name in names) else usual


def hush() -> None:
    """The SDK would tell again and again of a collector that is gone; what matters of it we tell once."""
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)


def at_the_end(work: Callable[[], object]) -> None:
    """Blocking work that sends the rest when the process ends."""
    _ends.append(work)


def finish(seconds: float) -> None:
    """Send the rest, for at most so long."""
    ends, _ends[:] = _ends[:], []
    threads = [threading.Thread(target=work, name=FINISHING, daemon=True) for work in ends]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds / len(threads))


def root_ids(run_id: str) -> tuple[int, int]:
    """Trace and first span of a run that was started without a trace: anybody can tell them from its id."""
    digest = hashlib.sha256(run_id.encode()).digest()
    return int.from_bytes(digest[:16]) or 1, int.from_bytes(digest[16:24]) or 1
