"""Somebody with a worker of their own orders the steps of a host: nothing unmeasured is written (I1, I2)."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel
from temporalio import workflow
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from starter.converter import data_converter
from tests.acceptance.operator import Operator
from tests.acceptance.test_story_3_approvals import REPAIR, everything
from tests.acceptance.test_story_3_signed_approvals import shop, watching
from tests.sandbox import ComposeSandbox
from workflows import ports
from workflows.models.plan import ActionPlan
from workflows.models.request import RunRequest

__all__ = ["shop"]

QUEUE = "mallory"
HOST_QUEUE = "mm.orchestrator"
SECONDS = timedelta(seconds=60)
ELSEWHERE = "--- a/notes.txt\n+++ b/notes.txt\n@@ -0,0 +1 @@\n+mallory was here\n"


class Attack(BaseModel):
    """What mallory's lifecycle leaves out or alters."""

    run_id: str
    project: str
    skips_preflight: bool = False
    plans_with: dict[str, Any] = {}
    """Fields of the plan step's order that differ from what preflight answered."""
    patches_with: dict[str, Any] = {}
    """The same of the patch step's order."""


@workflow.defn(name="MalloryRun")
class MalloryRun:
    """A lifecycle without scruples: it goes straight to the first write."""

    @workflow.run
    async def run(self, attack: Attack) -> str:
        """What the patch step answered."""
        run = ports.RunRef(run_id=attack.run_id, workflow_id=workflow.info().workflow_id)
        request = RunRequest(
            service="api", instruction=REPAIR, project=attack.project, requested_by="mallory"
        )
        where = ports.LocateInput(run_id=attack.run_id, project=attack.project)
        place = await _order(ports.LOCATE, where, HOST_QUEUE)
        asked = ports.PreflightInput(run=run, request=request, project=attack.project)
        measured = await _order(ports.PREFLIGHT, asked, place.task_queue)
        if attack.skips_preflight:
            run = run.model_copy(update={"run_id": f"{attack.run_id}-other"})
        known = {name: getattr(measured, name) for name in ("target", "intent", "verification")}
        found = await _order(ports.ANALYZE, ports.AnalyzeInput(run=run, **known), place.task_queue)
        rules = measured.gate.requires_approval_when
        planned = ports.PlanInput(
            run=run, findings=found.findings, snapshot=measured.snapshot, limits=measured.limits,
            policy_digest=measured.policy_digest, requires_approval_when=rules, **known,
        )  # fmt: skip
        made = await _order(ports.PLAN, _altered(planned, attack.plans_with), place.task_queue)
        patch = ports.PatchInput(
            run=run, target=measured.target, plan=made.plan, permission=measured.permission
        )
        done = await _order(ports.PATCH, _altered(patch, attack.patches_with), place.task_queue)
        return ",".join(file.path for file in done.files)


async def _order(port: ports.Port[Any, Any], job: Any, queue: str) -> Any:
    return await workflow.execute_activity(
        port.name, job, result_type=port.gives, task_queue=queue, start_to_close_timeout=SECONDS
    )


def _altered(job: Any, changes: dict[str, Any]) -> Any:
    """The same order with fields replaced; ``target.allow`` reaches into a part of it."""
    told = job.model_dump(mode="json")
    for path, value in changes.items():
        *parents, last = path.split(".")
        place = told
        for parent in parents:
            place = place[parent]
        place[last] = value
    if "plan" in changes or any(path.startswith("plan.") for path in changes):
        plan = ActionPlan.model_validate(told["plan"])
        told["plan"]["digest"] = plan.compute_digest()
    return type(job).model_validate(told)


@dataclass(frozen=True)
class Mallory:
    """Somebody who can start workflows and poll a queue of their own."""

    client: Client
    project: str

    async def refused_with(self, **attack: Any) -> str:
        """The code of the step that refused; fails where everything was carried out."""
        run_id = str(uuid.uuid4())
        order = Attack(run_id=run_id, project=self.project, **attack)
        worker = Worker(
            self.client, task_queue=QUEUE, workflows=[MalloryRun], workflow_runner=UnsandboxedWorkflowRunner()
        )
        async with worker:
            with pytest.raises(WorkflowFailureError) as failed:
                await self.client.execute_workflow(
                    MalloryRun.run, order, id=f"mallory-{run_id}", task_queue=QUEUE
                )
        cause = failed.value.cause
        assert isinstance(cause, ActivityError), cause
        assert isinstance(cause.cause, ApplicationError), cause.cause
        return f"{cause.activity_type}: {cause.cause.type}"


@contextmanager
def unwritten(shop: ComposeSandbox) -> Iterator[None]:
    """Nothing in the workspace is written, no container and no image replaced."""
    untouched = everything(shop)
    with watching(shop.directory) as written:
        yield
    assert written == []
    assert everything(shop) == untouched


@pytest.mark.timeout(240)
async def test_a_lifecycle_that_is_not_ours_writes_nothing(shop: ComposeSandbox, operator: Operator) -> None:
    """Approval left out, allow list widened, limits lifted, risks ignored, another place or plan."""
    shop.write("notes.txt", "")
    with operator.dev(shop.directory), unwritten(shop):
        client = await Client.connect(operator.address, data_converter=data_converter)
        mallory = Mallory(client, shop.name)
        assert await mallory.refused_with() == "patch: approval_not_seen"
        assert await mallory.refused_with(skips_preflight=True) == "analyze: not_as_measured"
        everywhere = {"target.allow": ["**"], "operator_patch": ELSEWHERE, "findings": []}
        assert await mallory.refused_with(plans_with=everywhere) == "plan: not_as_measured"
        for lifted in (
            {"target.workspace": "/etc"},
            {"limits.max_changed_lines": 100000},
            {"requires_approval_when": []},
        ):
            assert await mallory.refused_with(plans_with=lifted) == "plan: not_as_measured"
        for other in ({"target.allow": ["**"]}, {"plan.diff_sha256": "0" * 64}, {"plan.service": "store"}):
            assert await mallory.refused_with(patches_with=other) == "patch: not_as_measured"
