"""Bad start input fails a run at once on the real server, whatever is wrong with it (invariant I4)."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowFailureError
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from starter.converter import data_converter
from tests.integration.bad_input_workflow import EchoRequest
from workflows.models.failure import StepFailure

QUEUE = "test-start-input"
SECRET = "hunter2-super-secret"


def _json(text: str) -> RawValue:
    return RawValue(Payload(metadata={"encoding": b"json/plain"}, data=text.encode()))


def _encoded(encoding: str, data: bytes = b"x") -> RawValue:
    return RawValue(Payload(metadata={"encoding": encoding.encode()}, data=data))


BAD_INPUTS = {
    "nothing": [],
    "null": [_json("null")],
    "binary null": [_encoded("binary/null", b"")],
    "bytes": [_encoded("binary/plain")],
    "unknown encoding": [_encoded("binary/encrypted")],
    "not json": [_json("{instruction")],
    "a string": [_json('"repair"')],
    "a list": [_json("[1, 2]")],
    "no instruction": [_json('{"service": "api"}')],
    "empty instruction": [_json('{"instruction": "  "}')],
    "wrong type": [_json('{"instruction": "repair", "plan_only": "yes"}')],
    "secret in a wrong field": [_json(f'{{"instruction": "repair", "max_rounds": "{SECRET}"}}')],
    "service is a path": [_json('{"instruction": "repair", "service": "../api"}')],
    "an extra argument": [_json('{"instruction": "repair"}'), _json('{"instruction": "repair"}')],
    "three arguments": [_json('{"instruction": "repair"}'), _json("1"), _json("2")],
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client() -> AsyncIterator[Client]:
    """A client of a real server with a worker on it."""
    binary = shutil.which("temporal", path=str(Path(sys.executable).parent))
    env = await WorkflowEnvironment.start_local(
        dev_server_existing_path=binary,
        data_converter=data_converter,
        dev_server_log_level="error",
        dev_server_startup_timeout=timedelta(seconds=60),
    )
    async with env, Worker(env.client, task_queue=QUEUE, workflows=[EchoRequest]):
        yield env.client


async def _run(client: Client, args: list[RawValue]) -> object:
    return await asyncio.wait_for(
        client.execute_workflow("test.EchoRequest", args=args, id=f"mm:{uuid4()}", task_queue=QUEUE),
        timeout=60,
    )


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("args", BAD_INPUTS.values(), ids=BAD_INPUTS.keys())
async def test_bad_input_fails_the_run_at_once(client: Client, args: list[RawValue]) -> None:
    """The run ends as failed with ``invalid_request``, a remedy, and without the value."""
    with pytest.raises(WorkflowFailureError) as caught:
        await _run(client, args)
    cause = caught.value.cause
    assert isinstance(cause, ApplicationError)
    assert cause.type == "invalid_request"
    assert cause.non_retryable
    carried = StepFailure.model_validate(cause.details[0])
    assert carried.failure.code == "invalid_request"
    assert carried.failure.remedy
    assert SECRET not in f"{cause!r} {carried}"


@pytest.mark.asyncio(loop_scope="module")
async def test_good_input_passes(client: Client) -> None:
    """One object runs; a field nobody knows is kept to be reported."""
    assert (
        await _run(client, [_json('{"instruction": "repair api", "colour": "blue"}')])
        == "repair api ['colour']"
    )


@pytest.mark.asyncio(loop_scope="module")
async def test_the_temporal_command_starts_a_run(client: Client) -> None:
    """``temporal workflow start`` by hand sends what the converter reads (DESIGN section 6)."""
    binary = Path(sys.executable).parent / "temporal"
    process = await asyncio.create_subprocess_exec(
        str(binary), "workflow", "execute", "--type", "test.EchoRequest", "--task-queue", QUEUE,
        "--address", client.service_client.config.target_host, "--input", '{"instruction": "by hand"}',
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode == 0
    assert b"by hand" in output
