"""The same request once more: what ``retry`` starts (SPEC FR-002)."""

from collections.abc import Mapping

from pydantic import ValidationError

from starter.evidence import EvidenceFiles, whole_diff
from starter.reading import RunReader
from workflows.errors import OrchestratorError
from workflows.models.finding import FindingKind
from workflows.models.record import RunRecord
from workflows.models.request import RunRequest
from workflows.models.status import RunStatus
from workflows.secret_words import MASK

_ASKED = ("instruction", "service", "project", "plan_only", "patch", "max_rounds")
"""What is asked again; an approval token is good for one use, and whoever retries is the requester."""


async def what_was_asked(reader: RunReader, record: RunRecord) -> dict[str, object]:
    """The run's start input as Temporal keeps it, else as much of it as its record tells.

    Raises:
        OrchestratorError: as ``EvidenceFiles.open`` where the run had a patch that cannot be read any more.
    """
    try:
        asked = await reader.asked(await reader.locate(record.run_id))
    except OrchestratorError:  # Temporal has forgotten the run, or does not answer
        asked = {}
    if asked:
        return asked
    files = EvidenceFiles(reader.reports.state_dir, reader.reports.store)
    patch = (await whole_diff(record, files)).decode() if _had_a_patch(record) else None
    return record.model_dump(include={"instruction", "service", "project"}) | {
        "patch": patch,
        "plan_only": record.status is RunStatus.PLANNED,
    }


def check_ended(record: RunRecord) -> None:
    """Raises OrchestratorError ``run_not_ended`` of a run that goes on."""
    if not record.status.terminal:
        raise OrchestratorError("run_not_ended", run=record.run_id, status=record.status)


def check_repeatable(record: RunRecord) -> None:
    """Only what has ended otherwise than hoped can be asked for again.

    Raises:
        OrchestratorError: ``run_not_ended``, ``nothing_to_retry``.
    """
    check_ended(record)
    if record.status is RunStatus.SUCCEEDED:
        raise OrchestratorError("nothing_to_retry", run=record.run_id)


def repeated(record: RunRecord, asked: Mapping[str, object], requested_by: str | None) -> RunRequest:
    """The request that repeats a run.

    Raises:
        OrchestratorError: ``invalid_request`` where it was not valid, or lost a word to masking.
    """
    fields = {name: asked[name] for name in _ASKED if asked.get(name) is not None}
    if MASK in str(fields.get("instruction", "")):
        detail = "the instruction of that run held a secret, which was not kept; type it again"
        raise OrchestratorError("invalid_request", detail=detail)
    whole = fields | {"requested_by": requested_by, "retry_of": record.run_id}
    try:
        return RunRequest.model_validate({name: value for name, value in whole.items() if value is not None})
    except ValidationError:
        detail = "the request of that run was not valid; mm-orchestrator explain says what was wrong"
        raise OrchestratorError("invalid_request", detail=detail) from None


async def repeat(reader: RunReader, record: RunRecord, requested_by: str | None) -> RunRequest:
    """Everything above, in order."""
    check_repeatable(record)
    return repeated(record, await what_was_asked(reader, record), requested_by)


def _had_a_patch(record: RunRecord) -> bool:
    findings = record.plan.findings if record.plan is not None else ()
    return any(finding.kind is FindingKind.OPERATOR_PATCH for finding in findings)
