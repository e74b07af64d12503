"""What an activity raises, as the workflow receives it: code, failure, evidence, and no secret."""

import asyncio
import string
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel
from temporalio import activity
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from activities.adapters.redaction import Redactor
from worker.error_mapping import ErrorMapping, brief, to_application_error
from workflows.errors import CATALOGUE, OrchestratorError
from workflows.models.artifact import RunArtifact
from workflows.models.failure import StepFailure
from workflows.models.status import StepName
from workflows.ports import PORTS, Port

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EVIDENCE = RunArtifact(
    id="art_1", name="build.log", type="build", uri="file:///x", sha256="0" * 64, size_bytes=1,
    content_type="text/plain", created_at=NOW, retain_until=NOW,
)  # fmt: skip


class _Raising(ActivityInboundInterceptor):
    """Stands where the activity's own code runs."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    async def execute_activity(self, input: ExecuteActivityInput) -> object:  # noqa: A002
        raise self.error


async def _mapped(error: BaseException, activity_type: str = "build") -> BaseException:
    interceptor = ErrorMapping(Redactor().text).intercept_activity(_Raising(error))

    async def nothing() -> None: ...

    call = ExecuteActivityInput(fn=nothing, args=[], executor=None, headers={})
    environment = ActivityEnvironment()
    environment.info = environment.default_info()
    object.__setattr__(environment.info, "activity_type", activity_type)

    @activity.defn
    async def run() -> None:
        await interceptor.execute_activity(call)

    with pytest.raises(BaseException) as caught:  # noqa: PT011 - whatever comes out is what is asked
        await environment.run(run)
    return caught.value


async def test_an_error_of_the_catalogue_keeps_code_remedy_and_evidence() -> None:
    """Type is the code; the first detail is a StepFailure that survives JSON."""
    error = OrchestratorError(
        "build_failed", artifacts=(EVIDENCE,), warnings=("slow",), service="api", detail="exit 1"
    )
    mapped = await _mapped(error)
    assert isinstance(mapped, ApplicationError)
    assert mapped.type == "build_failed"
    assert mapped.non_retryable
    carried = mapped.details[0]
    assert isinstance(carried, StepFailure)
    again = StepFailure.model_validate_json(carried.model_dump_json())
    assert again.failure == error.failure(StepName.BUILD)
    assert again.artifacts == (EVIDENCE,)
    assert again.warnings == ("slow",)


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_every_code_says_itself_whether_it_is_retried(code: str) -> None:
    """The catalogue is the only place that decides about retries."""

    entry = CATALOGUE[code]
    facts = {name: name for name in _fields(entry.cause) | _fields(entry.remedy)}
    mapped = to_application_error(OrchestratorError(code, **facts), StepName.PATCH)
    assert mapped.type == code
    assert mapped.non_retryable is not entry.retryable


def _fields(template: str) -> set[str]:
    return {name.split("!")[0] for _, name, _, _ in string.Formatter().parse(template) if name}


@pytest.mark.parametrize(("step", "final"), [("report", False), ("rollback", False), ("patch", True)])
async def test_a_full_disk_ends_no_step_that_settles_a_journal(step: str, final: bool) -> None:
    """Space may be freed: report and rollback are tried again, what comes before them fails at once."""
    mapped = await _mapped(OrchestratorError("write_failed", detail="No space left on device"), step)
    assert isinstance(mapped, ApplicationError)
    assert mapped.non_retryable is final


@pytest.mark.parametrize("port", PORTS, ids=lambda port: port.name)
async def test_the_failure_names_the_step_of_its_port(port: "Port[Any, Any]") -> None:
    """The record shows the step that failed, also for unexpected errors."""
    mapped = await _mapped(ValueError("boom"), port.name)
    assert isinstance(mapped, ApplicationError)
    assert mapped.details[0].failure.step is port.step


async def test_an_unexpected_error_is_one_masked_line_without_a_cause() -> None:
    """No secret, no traceback, no chain of causes reaches the history (I5)."""

    class Model(BaseModel):
        number: int

    try:
        Model.model_validate({"number": "password=hunter2-and-more"})
    except ValueError as error:
        mapped = await _mapped(error)
    assert isinstance(mapped, ApplicationError)
    assert mapped.type == "internal_error"
    assert "hunter2" not in str(mapped)
    assert "hunter2" not in mapped.details[0].model_dump_json()
    assert "\n" not in mapped.message
    assert mapped.__cause__ is None
    assert mapped.__context__ is None or mapped.__suppress_context__


@pytest.mark.parametrize(
    "error",
    [asyncio.CancelledError("stop"), CancelledError("stop"), ApplicationError("mine", type="mine")],
    ids=["asyncio", "temporal", "application"],
)
async def test_what_temporal_understands_passes_unchanged(error: BaseException) -> None:
    """A cancellation stays one; otherwise a rollback would never begin."""
    assert await _mapped(error) is error or isinstance(error, asyncio.CancelledError)
    assert isinstance(await _mapped(error), type(error))


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (ValueError("a\n  b\tc"), "ValueError: a b c"),
        (KeyError(), "KeyError"),
        (RuntimeError("Authorization: Bearer abcdefghijklmnopqrstuvwxyz0123"), "[masked]"),
    ],
)
def test_brief(error: Exception, shown: str) -> None:
    """One line, the kind first, secrets masked."""
    assert shown in brief(error, Redactor().text)


def test_brief_is_short() -> None:
    """A library that puts a whole document into its message does not fill the record."""
    assert len(brief(ValueError("x" * 100_000), str)) == 300
