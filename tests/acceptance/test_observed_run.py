"""A rolled-back run as it is seen from outside: StatsD, a collector, a webhook, the log (FR-012)."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.acceptance.operator import Operator
from tests.acceptance.stacks import BREAK_HEALTH, broken_shop, policy
from tests.conftest import ComposeFactory
from tests.sandbox import ComposeSandbox
from tests.unit.hook_server import Hook, hook_server
from tests.unit.otlp_receiver import Collector, otlp_receiver, told
from workflows.models.record import RunRecord
from workflows.models.status import RunStatus

KEY = "collectorKey93417"
SIGNING = "signingSecret55120"


@pytest.fixture
def shop(compose_project: ComposeFactory, operator: Operator) -> ComposeSandbox:
    """A healthy shop that waits only briefly for health."""
    made = compose_project(broken_shop("humanize", requirements="humanize\n"))
    made.up()
    operator.write_policy(policy(made.name, str(made.directory), max_wait_seconds=4))
    return made


@pytest.fixture
def statsd() -> Iterator[tuple[int, list[str]]]:
    """A UDP port, and every line that came to it."""
    lines: list[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))

        def take() -> None:
            with contextlib.suppress(OSError):
                while True:
                    lines.append(udp.recv(4096).decode())

        threading.Thread(target=take, daemon=True).start()
        yield udp.getsockname()[1], lines


@pytest.fixture
def watching(
    operator: Operator, statsd: tuple[int, list[str]]
) -> Iterator[tuple[Hook, Collector, list[str]]]:
    """An operator whose worker is told to tell everybody, in the most talkative way."""
    with hook_server() as hook, otlp_receiver() as collector:
        operator.extra_env |= {
            "ORCHESTRATOR_STATSD_HOST": "127.0.0.1",
            "ORCHESTRATOR_STATSD_PORT": str(statsd[0]),
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
            "OTEL_EXPORTER_OTLP_HEADERS": f"x-key={KEY}",
            "OTEL_METRIC_EXPORT_INTERVAL": "2000",
            "MM_ORCHESTRATOR_NOTIFY_URL": hook.url,
            "MM_ORCHESTRATOR_NOTIFY_SECRET": SIGNING,
            "MM_ORCHESTRATOR_LOG_FORMAT": "json",
            "MM_ORCHESTRATOR_LOG_LEVEL": "debug",
        }
        yield hook, collector, statsd[1]


def test_a_rolled_back_run_is_seen_from_everywhere(
    shop: ComposeSandbox, operator: Operator, watching: tuple[Hook, Collector, list[str]]
) -> None:
    """Each counts and tells it once, in one trace; and no line of the log has an address or a key."""
    hook, collector, numbers = watching
    patch = operator.root / "break.diff"
    patch.write_text(BREAK_HEALTH)
    with operator.dev(shop.directory):
        ran = operator.command("run", "api", "apply the patch", "--patch", str(patch), "--json")
        _await_the_last(hook, collector, numbers)
    record = ran.record
    assert record.status is RunStatus.ROLLED_BACK, ran.stderr
    check_numbers(numbers, record)
    assert [(r.fields["event"], r.fields["run_id"]) for r in hook.got] == [("rolled_back", record.run_id)]
    trace_id = check_trace(collector)
    log = (operator.root / "dev.log").read_text()
    check_log(log, record, shop.name, trace_id)
    for secret in (KEY, SIGNING, "aVerySecretPath"):
        assert secret not in log
        assert secret.encode() not in b"".join(collector.raw)


def _await_the_last(hook: Hook, collector: Collector, numbers: list[str]) -> None:
    """What is told last leaves a moment after the run's end; a worker that ends gives it a second only."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        counted = any("notifications.delivered:" in line for line in numbers)
        spans = {span.name for span in collector.spans}
        started = "StartWorkflow:MoonMind.OrchestratorRun" in spans and "RunActivity:rollback" in spans
        if hook.got and counted and started and "mm_orchestrator.runs" in collector.numbers():
            return
        time.sleep(0.1)
    raise AssertionError(f"not told: {len(hook.got)} notes, {numbers[-9:]}, {sorted(collector.numbers())}")


def check_numbers(numbers: list[str], record: RunRecord) -> None:
    """Each is told once, whoever tells it."""
    assert record.failure is not None
    counted = [line.removeprefix("moonmind.orchestrator.") for line in numbers]
    once = (
        "runs.queued", "runs.status.rolled_back", "steps.build.started", "steps.verify.failed",
        "steps.rollback.succeeded", f"failures.{record.failure.code}", "notifications.delivered",
    )  # fmt: skip
    for name in once:
        assert counted.count(f"{name}:1|c") == 1, name
    assert any(line.startswith("steps.verify.duration:") for line in counted)
    assert any(line.startswith("hosts.") and line.endswith(".up:1|g") for line in counted)


def check_trace(collector: Collector) -> str:
    """From the command line to Docker; returns the trace's id."""
    start = collector.named("StartWorkflow:MoonMind.OrchestratorRun")[0]
    own = {span.name for span in collector.spans if span.trace_id == start.trace_id}
    assert {"RunWorkflow:MoonMind.OrchestratorRun", "RunActivity:rollback", "docker compose build",
            "docker compose up"} <= own  # fmt: skip
    built = collector.named("docker compose build")[0]
    assert built.parent_span_id in {span.span_id for span in collector.named("RunActivity:build")}
    assert told(collector.named("RunActivity:rollback")[0], "mm.service") == "api"
    assert "mm_orchestrator.runs" in collector.numbers()
    assert any(name.startswith("temporal_") for name in collector.numbers()), "the SDK's own"
    return start.trace_id.hex()


def check_log(log: str, record: RunRecord, project: str, trace_id: str) -> None:
    """Every line of a step says whose it is."""
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    of_build = [line for line in lines if line.get("step") == "build"]
    assert {line["run_id"] for line in of_build} == {record.run_id}
    assert {line["trace_id"] for line in of_build} == {trace_id}
    assert {(line["project"], line["service"]) for line in of_build} == {(project, "api")}
    assert any(line["logger"].startswith("http") for line in lines), "the libraries were to speak as well"
