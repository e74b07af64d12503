"""No secret leaves in a span (I5): every text of it is masked on its way out, and stack traces stay here."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Link, Status
from opentelemetry.util.types import Attributes, AttributeValue

Mask = Callable[[str], str]

_LEFT_OUT: Final = frozenset({"exception.stacktrace"})
"""It quotes source code and may hold what a variable held; the log has it, masked."""
_LONGEST: Final = 1000

_log = logging.getLogger("mm_orchestrator.telemetry")


class MaskingExporter(SpanExporter):
    """Masks each span, then hands it on; says once when that fails and once when it works again."""

    def __init__(self, exporter: SpanExporter, mask: Mask) -> None:
        self._exporter = exporter
        self._mask = mask
        self._arriving = True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Called by the batch processor's thread; never raises."""
        try:
            result = self._exporter.export([masked_span(span, self._mask) for span in spans])
        except Exception as error:  # noqa: BLE001 - whatever it is, no run may notice
            _log.debug("spans were dropped: %s", type(error).__name__)
            result = SpanExportResult.FAILURE
        arriving = result is SpanExportResult.SUCCESS
        if arriving is not self._arriving:
            _log.info("traces arrive again" if arriving else "traces do not arrive at the collector")
            self._arriving = arriving
        return result

    def shutdown(self) -> None:
        """No more."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Nothing is kept here."""
        return self._exporter.force_flush(timeout_millis)


def masked_span(span: ReadableSpan, mask: Mask) -> ReadableSpan:
    """The same span with every text in it masked and cut to 1000 characters."""
    status = span.status
    return ReadableSpan(
        name=_text(span.name, mask),
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=masked_attributes(span.attributes, mask),
        events=[
            Event(_text(event.name, mask), masked_attributes(event.attributes, mask), event.timestamp)
            for event in span.events
        ],
        links=[Link(link.context, masked_attributes(link.attributes, mask)) for link in span.links],
        kind=span.kind,
        status=Status(status.status_code, _text(status.description, mask) if status.description else None),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def masked_attributes(attributes: Attributes, mask: Mask) -> Mapping[str, AttributeValue]:
    """Attributes with masked values; names are ours."""
    known = (attributes or {}).items()
    return {key: _value(value, mask) for key, value in known if key not in _LEFT_OUT}


def _value(value: AttributeValue, mask: Mask) -> AttributeValue:
    if isinstance(value, str):
        return _text(value, mask)
    if isinstance(value, Sequence):
        return [_text(item, mask) if isinstance(item, str) else item for item in value]
    return value


def _text(text: str, mask: Mask) -> str:
    return mask(text)[:_LONGEST]
