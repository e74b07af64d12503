"""What programs see of a run: the memo, MoonMind's state, search attributes, progress and ledger.

Pure functions of the run record. Field names follow MoonMind's queries.
"""

from collections.abc import Sequence
from typing import Final

from temporalio.common import SearchAttributeKey, SearchAttributeUpdate

from workflows.models.base import Model
from workflows.models.record import RunRecord, StepRecord
from workflows.models.status import RunStatus, StepName, StepStatus
from workflows.telling import current_step

_PLANNING: Final = frozenset({StepName.ANALYZE, StepName.PLAN})
_FINAL_STATES: Final = {
    RunStatus.SUCCEEDED: "completed",
    RunStatus.PLANNED: "no_commit",
    RunStatus.CANCELLED: "canceled",
    RunStatus.ROLLED_BACK: "failed",
    RunStatus.REJECTED: "failed",
    RunStatus.FAILED: "failed",
}


class Progress(Model):
    """The answer of ``get_progress``; camelCase because MoonMind reads it so."""

    total: int = 0
    pending: int = 0
    ready: int = 0
    executing: int = 0
    awaitingExternal: int = 0  # noqa: N815
    reviewing: int = 0
    completed: int = 0
    failed: int = 0
    skipped: int = 0
    canceled: int = 0
    currentStepTitle: str = ""  # noqa: N815
    updatedAt: str = ""  # noqa: N815


class LedgerStep(Model):
    """One row of ``get_step_ledger``."""

    logicalStepId: str  # noqa: N815
    order: int
    title: str
    tool: str
    dependsOn: tuple[str, ...] = ()  # noqa: N815
    status: str
    attempt: int
    startedAt: str | None = None  # noqa: N815
    updatedAt: str | None = None  # noqa: N815
    summary: str = ""
    checks: tuple[str, ...] = ()
    refs: tuple[str, ...] = ()
    artifacts: tuple[str, ...] = ()
    lastError: str | None = None  # noqa: N815


class StepLedger(Model):
    """The answer of ``get_step_ledger``."""

    workflowId: str  # noqa: N815
    runId: str  # noqa: N815
    runScope: str = "latest"  # noqa: N815
    steps: tuple[LedgerStep, ...] = ()


def mm_state(record: RunRecord) -> str:
    """MoonMind's word for where the run stands."""
    if record.status.terminal:
        return "no_commit" if record.code == "nothing_to_repair" else _FINAL_STATES[record.status]
    if record.status is RunStatus.AWAITING_APPROVAL:
        return "awaiting_external"
    if record.status is RunStatus.QUEUED:
        return "awaiting_slot"
    step = current_step(record)
    if step is None or step.name is StepName.PREFLIGHT:
        return "initializing"
    if step.name in _PLANNING:
        return "planning"
    return "finalizing" if step.name is StepName.REPORT else "executing"


MM_STATE: Final = SearchAttributeKey.for_keyword("mm_state")
MM_OWNER_TYPE: Final = SearchAttributeKey.for_keyword("mm_owner_type")
MM_OWNER_ID: Final = SearchAttributeKey.for_keyword("mm_owner_id")
_KEYWORD_CHARACTERS: Final = 255  # what visibility on SQL holds
MM_ENTRY: Final = SearchAttributeKey.for_keyword("mm_entry")


def search_attributes(record: RunRecord, *, first: bool) -> list[SearchAttributeUpdate[str]]:
    """MoonMind's existing names. ``mm_updated_at`` is left to whoever registered it with their type.

    Args:
        record: what they tell of.
        first: whether none was set yet; later only the state is another one.
    """
    owner, state = record.requested_by, MM_STATE.value_set(mm_state(record))
    if not first:
        return [state]
    return [
        state,
        MM_OWNER_TYPE.value_set("user" if owner else "system"),
        MM_OWNER_ID.value_set((owner or "system")[:_KEYWORD_CHARACTERS]),
        MM_ENTRY.value_set("orchestrator"),
    ]


def memo(record: RunRecord) -> dict[str, object]:
    """The memo: readable with no worker up, which queries and current details are not.

    The artifact references come with the end or a wait, so that the history stays small.
    """
    waiting = record.status is RunStatus.AWAITING_APPROVAL
    settled = record.status.terminal or waiting
    return {
        "title": title(record),
        "summary": summary(record),
        "artifact_refs": [artifact.uri for artifact in record.artifacts] if settled else [],
        "waiting_reason": _waiting_reason(record),
        "attention_required": waiting or (record.code == "rollback_incomplete"),
    }


def _waiting_reason(record: RunRecord) -> str:
    if record.status is RunStatus.AWAITING_APPROVAL:
        return "approval"
    if record.status is not RunStatus.QUEUED:
        return ""
    return "hold" if record.lane is None else "lane"


def title(record: RunRecord) -> str:
    """One line for lists."""
    return f"{record.service or '?'}: {record.instruction}"[:120]


def summary(record: RunRecord) -> str:
    """One sentence on where the run stands."""
    if record.status.terminal or record.status in {RunStatus.AWAITING_APPROVAL, RunStatus.QUEUED}:
        return f"{record.status}: {record.summary}"[:400]
    step = current_step(record)
    return f"{record.status}: {step.name} (round {step.round})" if step else str(record.status)


def progress(record: RunRecord) -> Progress:
    """Counts per state over the steps of all rounds."""
    by_status = {status: sum(s.status is status for s in record.steps) for status in StepStatus}
    waiting = record.status is RunStatus.AWAITING_APPROVAL
    step = current_step(record)
    updated = max(
        (t for s in record.steps for t in (s.started_at, s.completed_at) if t), default=record.created_at
    )
    return Progress(
        total=len(record.steps),
        pending=by_status[StepStatus.PENDING],
        executing=0 if waiting else by_status[StepStatus.IN_PROGRESS],
        awaitingExternal=1 if waiting else 0,
        completed=by_status[StepStatus.SUCCEEDED],
        failed=by_status[StepStatus.FAILED],
        skipped=by_status[StepStatus.SKIPPED],
        canceled=int(record.status is RunStatus.CANCELLED),
        currentStepTitle=step.name if step else "",
        updatedAt=updated.isoformat(),
    )


def step_ledger(record: RunRecord) -> StepLedger:
    """Every step of every round, in order."""
    uris = {artifact.name: artifact.uri for artifact in record.artifacts}
    rows: list[LedgerStep] = []
    previous: tuple[str, ...] = ()
    for order, step in enumerate(record.steps, start=1):
        row = _ledger_step(step, order, previous, uris)
        rows.append(row)
        previous = (row.logicalStepId,)
    return StepLedger(workflowId=record.workflow_id, runId=record.run_id, steps=tuple(rows))


def _ledger_step(step: StepRecord, order: int, previous: Sequence[str], uris: dict[str, str]) -> LedgerStep:
    updated = step.completed_at or step.started_at
    return LedgerStep(
        logicalStepId=f"{step.name}.{step.round}",
        order=order,
        title=step.name,
        tool=f"mm.orchestrator.{step.name}",
        dependsOn=tuple(previous),
        status=_MOONMIND_STEP[step.status],
        attempt=step.round,
        startedAt=step.started_at.isoformat() if step.started_at else None,
        updatedAt=updated.isoformat() if updated else None,
        summary=step.message,
        refs=tuple(uris[name] for name in step.artifacts if name in uris),
        artifacts=step.artifacts,
        lastError=step.message if step.status is StepStatus.FAILED else None,
    )


_MOONMIND_STEP: Final = {
    StepStatus.PENDING: "pending",
    StepStatus.IN_PROGRESS: "executing",
    StepStatus.SUCCEEDED: "completed",
    StepStatus.FAILED: "failed",
    StepStatus.SKIPPED: "skipped",
}
