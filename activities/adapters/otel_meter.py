"""The same numbers for OpenTelemetry: labels are attributes there, durations are in seconds."""

from dataclasses import dataclass, field
from typing import Any, Final

from opentelemetry.metrics import Meter

from activities.adapters.series import Kind, Series

_BUCKETS: Final = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 86400.0)


@dataclass
class OtelMeter:
    """Records in memory; the SDK's own thread exports what the variables of OpenTelemetry say."""

    meter: Meter
    _instruments: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    def count(self, series: Series, *labels: str) -> None:
        """One more."""
        self._instrument(series).add(1, _attributes(series, labels))

    def time(self, series: Series, seconds: float, *labels: str) -> None:
        """Something took so long."""
        self._instrument(series).record(seconds, _attributes(series, labels))

    def gauge(self, series: Series, value: float, *labels: str) -> None:
        """So many now."""
        self._instrument(series).set(float(value), _attributes(series, labels))

    def flush(self, seconds: float) -> None:
        """The end of the process flushes the SDK, not this."""

    def _instrument(self, series: Series) -> Any:
        made = self._instruments.get(series.name)
        if made is None:
            made = self._instruments[series.name] = self._make(series)
        return made

    def _make(self, series: Series) -> Any:
        about = {"description": series.meaning}
        if series.kind is Kind.COUNTER:
            return self.meter.create_counter(series.name, **about)
        if series.kind is Kind.GAUGE:
            return self.meter.create_gauge(series.name, **about)
        return self.meter.create_histogram(
            series.name, unit="s", explicit_bucket_boundaries_advisory=_BUCKETS, **about
        )


def _attributes(series: Series, labels: tuple[str, ...]) -> dict[str, str]:
    return {name: str(value) for name, value in zip(series.labels, labels, strict=True)}
