"""OpenTelemetry is off until it is asked for, masked when it is on, and its numbers arrive over HTTP."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags

from activities.adapters import series
from activities.adapters.redaction import Redactor
from activities.adapters.spans import command_span
from starter.telemetry import sdk
from starter.telemetry.masked_spans import MaskingExporter
from starter.telemetry.variables import Wanted, wanted
from tests.unit.otlp_receiver import Collector, otlp_receiver
from worker.telemetry.otel import otel_meter, start_tracing
from worker.telemetry.runtime import core_runtime, sdk_metrics

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}
CANARY = "ghp_" + "k3Nd" * 9


@pytest.fixture
def collector() -> Iterator[Collector]:
    """Where numbers arrive."""
    with otlp_receiver() as listening:
        yield listening


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)


VARIABLES: list[tuple[dict[str, str], bool, bool]] = [
    ({}, False, False),
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, False, False),
    ({"OTEL_SERVICE_NAME": "x"}, False, False),
    (ENDPOINT, True, True),
    ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x/v1/traces"}, True, False),
    (ENDPOINT | {"OTEL_METRICS_EXPORTER": "none"}, True, False),
    (ENDPOINT | {"OTEL_TRACES_EXPORTER": "none"}, False, True),
    (ENDPOINT | {"OTEL_TRACES_EXPORTER": "console"}, False, True),
    (ENDPOINT | {"OTEL_SDK_DISABLED": "TRUE"}, False, False),
    (ENDPOINT | {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, False, False),
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"}, False, False),
    (ENDPOINT | {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, True, True),
]


@pytest.mark.parametrize(("variables", "traces", "metrics"), VARIABLES)
def test_only_the_standard_variables_turn_it_on(
    variables: dict[str, str], traces: bool, metrics: bool
) -> None:
    """No endpoint: nothing; one signal may be left out."""
    asked = wanted(variables)
    assert (asked.traces, asked.metrics) == (traces, metrics)


def test_what_cannot_be_done_is_said() -> None:
    """Rather than sent where nobody understands it."""
    assert wanted(ENDPOINT | {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}).refused == (
        "the protocol of traces can only be http/protobuf",
        "the protocol of metrics can only be http/protobuf",
    )
    assert wanted(ENDPOINT) == Wanted(traces=True, metrics=True)


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"]])
def test_help_waits_for_nothing_of_it(arguments: list[str]) -> None:
    """Not even where a collector is configured (the imports cost a quarter of a second)."""
    code = (
        "import sys; from worker.main import run_command_line; run_command_line(sys.argv[1:]);"
        "print([m for m in sys.modules if m.startswith(('opentelemetry', 'temporalio'))], file=sys.stderr)"
    )
    environment = {**os.environ, **ENDPOINT}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == "[]"


def masking() -> tuple[TracerProvider, InMemorySpanExporter]:
    """A provider whose spans are masked and kept."""
    kept = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(MaskingExporter(kept, Redactor().text)))
    return provider, kept


def everything(span: ReadableSpan) -> str:
    """All that an exporter could write."""
    return span.to_json() + repr([(e.name, dict(e.attributes or {})) for e in span.events])


def test_every_text_of_a_span_is_masked() -> None:
    """Name, attributes, lists, events, links, status, exceptions; numbers and ids stay as they are."""
    provider, kept = masking()
    other = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1))
    with provider.get_tracer("t").start_as_current_span(
        f"name {CANARY}",
        attributes={"text": f"token={CANARY}", "list": [CANARY, "plain"], "number": 7, "yes": True},
        links=[Link(other, {"why": CANARY})],
    ) as span:
        span.add_event(f"event {CANARY}", {"detail": CANARY})
        span.set_status(Status(StatusCode.ERROR, f"RuntimeError: {CANARY}"))
        span.record_exception(RuntimeError(CANARY))
    (sent,) = kept.get_finished_spans()
    assert CANARY not in everything(sent)
    assert "Traceback" not in everything(sent)
    assert sent.attributes is not None
    assert sent.attributes["number"] == 7
    assert sent.attributes["yes"] is True
    assert "plain" in tuple(sent.attributes["list"])  # type: ignore[arg-type]
    assert sent.events[1].attributes is not None
    assert sent.events[1].attributes["exception.type"] == "RuntimeError"
    assert sent.links[0].context.span_id == 2
    assert sent.context.span_id == span.get_span_context().span_id


def test_an_exporter_that_raises_ends_no_process() -> None:
    """Whatever a collector's answer makes of the library."""

    class Broken(InMemorySpanExporter):
        def export(self, spans: Any) -> SpanExportResult:
            raise ValueError(CANARY)

    assert MaskingExporter(Broken(), str).export([]) is SpanExportResult.FAILURE


def test_a_command_is_a_span_without_its_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths and names of a project stay here."""
    provider, kept = masking()
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    with command_span(["docker", "compose", "-f", "/srv/x.yaml", "build", "api"]):
        pass
    (sent,) = kept.get_finished_spans()
    assert sent.name == "docker compose build"
    assert "/srv" not in everything(sent)


def test_numbers_arrive_over_http(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counters, durations in seconds and gauges, under the names of the table, with their labels."""
    assert otel_meter(str) is None
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", f"deployment=prod,password={CANARY}")
    meter = otel_meter(Redactor().text)
    assert meter is not None
    meter.count(series.RUNS_ENDED, "rolled_back")
    meter.count(series.RUNS_ENDED, "rolled_back")
    meter.time(series.STEP_DURATION, 2.5, "verify")
    meter.gauge(series.WORKER_UP, 1, "rack-7")
    sdk.finish(20)
    numbers = collector.numbers()
    ended = numbers["mm_orchestrator.runs"].sum.data_points[0]
    assert ended.as_int == 2
    assert [(a.key, a.value.string_value) for a in ended.attributes] == [("status", "rolled_back")]
    took = numbers["mm_orchestrator.step.duration"]
    assert (took.unit, took.histogram.data_points[0].sum) == ("s", 2.5)
    assert numbers["mm_orchestrator.worker.up"].gauge.data_points[0].as_double == 1
    assert CANARY.encode() not in b"".join(collector.raw)
    assert b"deployment" in b"".join(collector.raw)


def test_the_temporal_sdks_metrics_go_to_the_same_place() -> None:
    """Off with the others; endpoint, headers and interval as the variables say."""
    assert sdk_metrics({}) is None
    assert sdk_metrics(ENDPOINT | {"OTEL_METRICS_EXPORTER": "none"}) is None
    told = sdk_metrics(
        ENDPOINT
        | {"OTEL_EXPORTER_OTLP_HEADERS": "x-key=a%20b,other=2", "OTEL_METRIC_EXPORT_INTERVAL": "5000"}
    )
    assert told is not None
    assert told.http
    assert told.url == "http://127.0.0.1:4318/v1/metrics"
    assert told.headers == {"x-key": "a b", "other": "2"}
    assert told.metric_periodicity == timedelta(seconds=5)
    own = {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://m/x", "OTEL_METRIC_EXPORT_INTERVAL": "often"}
    told = sdk_metrics(ENDPOINT | own)
    assert told is not None
    assert (told.url, told.metric_periodicity) == ("http://m/x", timedelta(seconds=60))


def test_an_address_that_is_none_stops_no_worker(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told once, without the address; the Temporal SDK would refuse to start."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://[{CANARY}")
    core_runtime.cache_clear()
    assert core_runtime() is not None
    core_runtime.cache_clear()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318")
    start_tracing(str)
    told = [record.getMessage() for record in caplog.records]
    assert "does not understand the address" in told[0]
    assert "the endpoint of traces must begin with http:// or https://" in told[1]
    assert CANARY not in caplog.text


def test_the_end_of_a_process_waits_for_no_collector(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It hangs; the process goes on while it still does."""
    collector.hanging = True
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "60")
    meter = otel_meter(str)
    assert meter is not None
    meter.count(series.RUNS_QUEUED)
    sdk.finish(0.2)
    assert [thread for thread in threading.enumerate() if thread.name == sdk.FINISHING], "left behind"
    collector.let_go.set()
