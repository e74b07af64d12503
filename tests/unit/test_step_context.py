"""Each line of an activity says for which run, project and service it is, libraries' lines too."""

import asyncio
import io
import json
import logging
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from temporalio import activity
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from activities.adapters.redaction import Redactor
from tests.unit.told_numbers import rolled_back
from tests.workflow.scripted_host import TARGET
from worker.error_mapping import ErrorMapping
from worker.settings import LogFormat
from worker.step_context import StepContext
from worker.telemetry import configure_logs
from workflows import ports
from workflows.models.guarding import GuardedRun
from workflows.models.plan import ActionPlan
from workflows.models.request import RunRequest
from workflows.ports import RunRef

RUN = RunRef(run_id="run-1", workflow_id="mm:1", round=2)
PLAN = ActionPlan(
    project="shop", service="api", summary="", diff="", diff_sha256="", policy_digest="", steps=()
)
INFO = ActivityEnvironment.default_info()
JOBS = [
    (ports.BuildInput(run=RUN, target=TARGET, plan=PLAN), {"project": "shop", "service": "api", "round": 2}),
    (
        ports.PreflightInput(run=RUN, request=RunRequest(instruction="x", service="api"), project="shop"),
        {"project": "shop", "service": "api", "round": 2},
    ),
    (
        ports.ReportInput(run=RUN, record=rolled_back("run-1").model_copy(update={"project": "shop"})),
        {"project": "shop"},
    ),
    (ports.LocateInput(run_id="run-1", project="shop"), {"project": "shop"}),
    (GuardedRun(run_id="run-1", workflow_id="mm:1", project="shop", service="api"), {"service": "api"}),
]


@pytest.mark.parametrize(("job", "expected"), JOBS, ids=lambda value: type(value).__name__)
def test_what_the_input_says(job: object, expected: dict[str, Any]) -> None:
    """Whichever part of it says so; run, step, attempt and host always."""
    context = StepContext("rack-7").of(job, INFO)
    always = {"run_id": "run-1", "step": INFO.activity_type, "attempt": INFO.attempt, "host": "rack-7"}
    assert (always | expected).items() <= context.items()
    assert context["workflow_id"]


def test_a_rollback_is_told_by_what_earlier_steps_said() -> None:
    """Its input only names the run; another run's service must not show up."""
    contexts = StepContext()
    contexts.of(JOBS[0][0], INFO)
    again = contexts.of(ports.RollbackInput(run=RUN, reason="x"), INFO)
    assert (again["project"], again["service"]) == ("shop", "api")
    other = contexts.of(ports.RollbackInput(run=RunRef(run_id="other", workflow_id="w"), reason="x"), INFO)
    assert "service" not in other
    for number in range(300):
        contexts.of(ports.LocateInput(run_id=f"run-{number}", project="p"), INFO)
    assert len(contexts._seen) == 256


async def test_lines_of_libraries_and_threads_carry_it_with_the_trace(stream: io.StringIO) -> None:
    """Bound around the activity, also in its threads, and gone after it."""
    configure_logs("info", LogFormat.JSON, Redactor().text, stream)

    class Step(ActivityInboundInterceptor):
        def __init__(self) -> None: ...

        async def execute_activity(self, input: ExecuteActivityInput) -> None:  # noqa: A002
            await asyncio.to_thread(logging.getLogger("docker.api").warning, "a library speaks")

    mapped = ErrorMapping(str, "rack-7").intercept_activity(Step())

    async def nothing() -> None: ...

    call = ExecuteActivityInput(fn=nothing, args=[JOBS[0][0]], executor=None, headers={})

    @activity.defn
    async def run() -> None:
        await mapped.execute_activity(call)

    with TracerProvider(shutdown_on_exit=False).get_tracer("t").start_as_current_span("step") as span:
        await ActivityEnvironment().run(run)
        trace_id = f"{span.get_span_context().trace_id:032x}"
    logging.getLogger("docker.api").warning("later")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    spoken = next(line for line in lines if line["event"] == "a library speaks")
    assert (spoken["run_id"], spoken["service"], spoken["host"]) == ("run-1", "api", "rack-7")
    assert spoken["trace_id"] == trace_id
    assert {"run_id", "trace_id"}.isdisjoint(next(line for line in lines if line["event"] == "later"))
