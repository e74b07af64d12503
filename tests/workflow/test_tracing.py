"""One trace per run over starter, workflow, guard and activities: a real Temporal server, real HTTP."""

import asyncio
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from activities.adapters.redaction import Redactor
from starter.converter import data_converter
from starter.telemetry.interceptor import RunTracing
from starter.telemetry.sdk import Tracing
from tests.unit.otlp_receiver import Collector, otlp_receiver, told
from tests.workflow.real_server import LANE, town
from tests.workflow.scripted_host import ScriptedHost
from worker.sandbox import sandbox
from worker.workers import WORKFLOWS

CANARY = "ghp_" + "q7Tw" * 9
HISTORIES = Path(__file__).parents[1] / "replay" / "histories"
STARTER = """
import asyncio, sys
from starter.client import OrchestratorClient
from starter.telemetry import finish
from workflows.models.request import RunRequest

async def start():
    client = await OrchestratorClient.connect(sys.argv[1])
    run = await client.start(RunRequest(instruction="repair api"))
    await client.get(run)
    print(run.workflow_id, run.run_id)

asyncio.run(start())
finish(20)
"""


@pytest.fixture
def collector() -> Iterator[Collector]:
    """Where spans arrive."""
    with otlp_receiver() as listening:
        yield listening


@pytest.fixture
def tracing(collector: Collector) -> Iterator[Tracing]:
    """The tracing of a worker that exports to the collector, with the worker's mask."""
    exporter = OTLPSpanExporter(endpoint=f"{collector.endpoint}/v1/traces", timeout=5)
    made = Tracing.exporting_to(exporter, Redactor().text)
    yield made
    made.provider.shutdown()


def environment(**more: str) -> dict[str, str]:
    """This process's environment without a word about OpenTelemetry, and what is said here."""
    return {k: v for k, v in os.environ.items() if not k.startswith("OTEL_")} | more


async def started_elsewhere(address: str, variables: dict[str, str]) -> tuple[str, str]:
    """Workflow id and run id of a run that another process started."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", STARTER, address, env=variables, stdout=subprocess.PIPE
    )
    answer, _ = await asyncio.wait_for(child.communicate(), 60)
    assert child.returncode == 0
    workflow_id, run_id = answer.decode().split()
    return workflow_id, run_id


async def test_a_run_is_one_trace_from_the_starters_process_to_the_last_step(
    collector: Collector, tracing: Tracing
) -> None:
    """Starter, workflow, guard and every step share one trace id; parents lead to the starter's span."""
    variables = environment(
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint, OTEL_SERVICE_NAME="ops-laptop",
        OTEL_EXPORTER_OTLP_HEADERS="x-key=letmein",
    )  # fmt: skip
    async with town(ScriptedHost(), interceptors=[RunTracing(tracing)]) as place:
        address = place.client.service_client.config.target_host
        workflow_id, run_id = await started_elsewhere(address, variables)
        await asyncio.wait_for(place.client.get_workflow_handle(workflow_id).result(), 30)
        await place.guard_report(place.client.get_workflow_handle(workflow_id, first_execution_run_id=run_id))
    tracing.provider.force_flush(20_000)
    start = collector.named("StartWorkflow:MoonMind.OrchestratorRun")[0]
    assert start.parent_span_id == b""
    own = [span for span in collector.spans if span.trace_id == start.trace_id]
    names = {span.name for span in own}
    steps = ("locate", "preflight", "analyze", "plan", "patch", "build", "restart", "verify", "report")
    assert {f"RunActivity:{step}" for step in steps} <= names
    assert {"RunWorkflow:MoonMind.OrchestratorRun", "CompleteWorkflow:MoonMind.OrchestratorRun"} <= names
    assert {"RunWorkflow:MoonMind.RunGuard", "RunActivity:watch_run"} <= names
    ids = {span.span_id for span in own}
    assert all(span.parent_span_id in ids for span in own if span is not start)
    assert not [name for name in {span.name for span in collector.spans} if "Query" in name]
    build = collector.named("RunActivity:build")[0]
    assert [told(build, f"mm.{name}") for name in ("run_id", "project", "service", "step", "host")] == [
        run_id, "shop", "api", "build", "testhost",
    ]  # fmt: skip
    assert build.end_time_unix_nano >= build.start_time_unix_nano
    assert {"ops-laptop", "mm-orchestrator"} <= collector.services
    assert "letmein" in {headers.get("x-key") for headers in collector.headers}


async def test_a_run_of_a_plain_client_begins_its_trace_at_the_workflow(
    collector: Collector, tracing: Tracing
) -> None:
    """``temporal workflow start``: the trace's id follows from the run's; the lane's is another one."""
    async with town(ScriptedHost(), interceptors=[RunTracing(tracing)]) as place:
        plain = await type(place.client).connect(
            place.client.service_client.config.target_host, data_converter=data_converter
        )
        handle = await plain.start_workflow(
            "MoonMind.OrchestratorRun", {"instruction": "repair api"}, id="mm:plain",
            task_queue="mm.orchestrator",
        )  # fmt: skip
        assert (await asyncio.wait_for(handle.result(), 30))["status"] == "succeeded"
        lane = place.client.get_workflow_handle(LANE)
        lane_run = (await lane.describe()).raw_description.workflow_execution_info.first_run_id
    tracing.provider.force_flush(20_000)
    trace_id = hashlib.sha256(str(handle.first_execution_run_id).encode()).digest()[:16]
    root = collector.named("RunWorkflow:MoonMind.OrchestratorRun")
    assert [(span.trace_id, span.parent_span_id) for span in root] == [(trace_id, b"")]
    ran = [
        span for span in collector.spans if span.name.startswith("RunActivity:") and "lane" not in span.name
    ]
    assert {"RunActivity:patch", "RunActivity:report"} <= {span.name for span in ran}
    own = [span for span in collector.spans if span.trace_id == trace_id]
    assert {span.name for span in ran} <= {span.name for span in own}
    assert all(span.parent_span_id in {other.span_id for other in own} for span in own if span is not root[0])
    lanes = collector.named("RunWorkflow:MoonMind.ProjectLane")
    assert [span.trace_id for span in lanes] == [hashlib.sha256(lane_run.encode()).digest()[:16]]


async def test_no_secret_is_in_a_span(collector: Collector, tracing: Tracing) -> None:
    """Exception texts, whose spans Temporal's interceptor fills in, and a workflow id a client chose."""
    host = ScriptedHost()
    host.then("analyze", RuntimeError(f"password={CANARY}"))
    async with town(host, interceptors=[RunTracing(tracing)]) as place:
        handle = await place.client.start_workflow(
            "MoonMind.OrchestratorRun", {"instruction": f"repair api {CANARY}"}, id=f"mm:{CANARY}",
            task_queue="mm.orchestrator",
        )  # fmt: skip
        await asyncio.wait_for(handle.result(), 30)
    tracing.provider.force_flush(20_000)
    failed = [span for span in collector.named("RunActivity:analyze") if span.status.code == 2]
    assert "[masked]" in failed[0].status.message
    assert failed[0].events[0].name == "exception"
    assert CANARY.encode() not in b"".join(collector.raw)
    assert b"Traceback" not in b"".join(collector.raw)


@pytest.mark.parametrize("name", ["succeeded", "approved_again_in_round_two"])
async def test_an_old_history_replays_with_tracing(tracing: Tracing, name: str, collector: Collector) -> None:
    """Headers change no command, and a replay makes no span."""
    history = WorkflowHistory.from_json(f"mm:{name}", (HISTORIES / f"{name}.json").read_text())
    replayer = Replayer(
        workflows=WORKFLOWS, data_converter=data_converter, workflow_runner=sandbox(),
        interceptors=[RunTracing(tracing)],
    )  # fmt: skip
    assert (await replayer.replay_workflow(history)).replay_failure is None
    tracing.provider.force_flush(20_000)
    assert collector.spans == []


async def test_a_collector_that_hangs_holds_up_neither_run_nor_starter(collector: Collector) -> None:
    """Run and starting process have ended before the collector answered anything."""
    collector.hanging = True
    exporter = OTLPSpanExporter(endpoint=f"{collector.endpoint}/v1/traces", timeout=60)
    tracing = Tracing.exporting_to(exporter, str)
    variables = environment(OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint, OTEL_EXPORTER_OTLP_TIMEOUT="60")
    async with town(ScriptedHost(), interceptors=[RunTracing(tracing)]) as place:
        address = place.client.service_client.config.target_host
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", STARTER.replace("finish(20)", "finish(0.5); import os; os._exit(0)"),
            address, env=variables, stdout=subprocess.PIPE,
        )  # fmt: skip
        answer, _ = await asyncio.wait_for(child.communicate(), 50)
        handle = place.client.get_workflow_handle(answer.decode().split()[0])
        assert (await asyncio.wait_for(handle.result(), 50))["status"] == "succeeded"
        assert not collector.let_go.is_set()
    collector.let_go.set()
    tracing.provider.shutdown()
