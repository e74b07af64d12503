"""What is written small into a history is read back as it was, also from a history that wrote it whole."""

import json

import pytest
from temporalio.contrib.pydantic import pydantic_data_converter

from tests.unit.record_samples import ALL, RUN_ID, START
from workflows.models.record import RunEvent, RunRecord
from workflows.models.status import StepName, StepStatus
from workflows.models.target import BuildSpec, ComposeProject, Target
from workflows.ports import BuildInput, ReportInput, RunRef

RUN = RunRef(run_id=RUN_ID, workflow_id="mm:5f0c1f5e")
EVENTS = (
    RunEvent(ts=START, run_id=RUN_ID, round=1, step=StepName.BUILD, state=StepStatus.IN_PROGRESS),
    RunEvent(
        ts=START, run_id=RUN_ID, round=2, step=StepName.BUILD, state=StepStatus.FAILED,
        message="no", artifacts=("build.log",),
    ),
    RunEvent(ts=START, run_id="another", round=1, step=StepName.PLAN, state=StepStatus.SUCCEEDED),
)  # fmt: skip
BARE = Target(
    project=ComposeProject(name="shop", working_dir="/srv/shop", config_files=("/srv/shop/compose.yaml",)),
    service="api",
    image="shop-api",
    workspace="/srv/shop",
)
FULL = BARE.model_copy(
    update={
        "build": BuildSpec(context="/srv/shop/api", dockerfile="/srv/shop/api/Dockerfile"),
        "allow": ("api/**",),
        "scale": 3,
        "shares_image_with": ("worker",),
    }
)


@pytest.mark.parametrize("record", ALL.values(), ids=ALL)
def test_a_report_is_asked_for_with_the_record_as_it_is(record: RunRecord) -> None:
    """Defaults and the events' run id are put back by whoever reads it."""
    job = ReportInput(run=RUN, record=record, events=EVENTS)

    (payload,) = pydantic_data_converter.payload_converter.to_payloads([job])

    assert pydantic_data_converter.payload_converter.from_payloads([payload], [ReportInput]) == [job]
    whole = json.dumps(
        {
            "run": RUN.model_dump(mode="json"),
            "record": record.model_dump(mode="json"),
            "events": [event.model_dump(mode="json") for event in EVENTS],
        }
    )
    assert ReportInput.model_validate_json(whole) == job
    assert len(payload.data) < len(whole)


@pytest.mark.parametrize("target", [BARE, FULL], ids=["bare", "full"])
def test_a_target_is_sent_as_it_is(target: Target) -> None:
    """It is in nearly every event."""
    plan = next(record.plan for record in ALL.values() if record.plan is not None).for_execution()
    job = BuildInput(run=RUN, target=target, plan=plan)

    payloads = pydantic_data_converter.payload_converter.to_payloads([job])

    assert pydantic_data_converter.payload_converter.from_payloads(payloads, [BuildInput]) == [job]
    assert plan.compute_digest() == plan.digest
