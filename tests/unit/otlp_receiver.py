"""A collector on loopback: OTLP over HTTP, kept as protobuf, answered well or badly."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass
class Collector:
    """What came."""

    port: int = 0
    hanging: bool = False
    let_go: threading.Event = field(default_factory=threading.Event)
    traces: list[ExportTraceServiceRequest] = field(default_factory=list)
    metrics: list[ExportMetricsServiceRequest] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        """For OTEL_EXPORTER_OTLP_ENDPOINT."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def spans(self) -> list[Span]:
        """Every span of every batch."""
        return [s for t in self.traces for r in t.resource_spans for c in r.scope_spans for s in c.spans]

    @property
    def services(self) -> set[str]:
        """The names under which processes sent."""
        attributes = [a for t in self.traces for r in t.resource_spans for a in r.resource.attributes]
        return {a.value.string_value for a in attributes if a.key == "service.name"}

    def numbers(self) -> dict[str, Any]:
        """Metric name -> its last form."""
        return {
            m.name: m
            for t in self.metrics
            for r in t.resource_metrics
            for c in r.scope_metrics
            for m in c.metrics
        }

    def named(self, name: str) -> list[Span]:
        """Spans of that name."""
        return [span for span in self.spans if span.name == name]

    def until(self, *names: str) -> None:
        """Wait (bounded) until each of these spans came; blocking."""
        for _ in range(1000):
            if set(names) <= {span.name for span in self.spans}:
                return
            time.sleep(0.02)
        raise AssertionError(f"never came: {set(names) - {span.name for span in self.spans}}")


def told(span: Span, key: str) -> str:
    """One attribute as text."""
    return next((a.value.string_value for a in span.attributes if a.key == key), "")


@contextmanager
def otlp_receiver() -> Iterator[Collector]:
    """Listen until the body ends."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            body = gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body
            collector.headers.append(dict(self.headers))
            collector.raw.append(body)
            if self.path == "/v1/traces":
                collector.traces.append(ExportTraceServiceRequest.FromString(body))
            elif self.path == "/v1/metrics":
                collector.metrics.append(ExportMetricsServiceRequest.FromString(body))
            if collector.hanging:
                collector.let_go.wait(60)
            with suppress(OSError):
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    collector.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield collector
    finally:
        collector.let_go.set()
        server.shutdown()
        server.server_close()
