"""A run in plain sentences: how it stands or ended, what state is left, what to type next.

What the Web UI and the report's page say of a run, they say in the same words. Texts of others come as
they are: whoever shows them escapes them.
"""

import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from workflows.models.record import RunRecord, StepRecord
from workflows.models.snapshot import NeighbourProof
from workflows.models.status import RunStatus, StepName, StepStatus
from workflows.quantities import seconds

NEVER_UNDONE: Final = "data written to volumes, databases or the container's writable layer"
ONCE: Final = (StepName.PREFLIGHT, StepName.ROLLBACK, StepName.REPORT)
"""Steps that a run has once, not once a round."""
_CHANGING: Final = (StepName.PATCH, StepName.BUILD, StepName.RESTART, StepName.VERIFY)
_AS_BEFORE: Final = "What was changed was put back and measured to be as before."
_NOTHING_CHANGED: Final = "Nothing was changed: no file, image or container."


@dataclass(frozen=True)
class Command:
    """Something to type, and what it is for."""

    purpose: str
    line: str


def when(instant: datetime | None) -> str:
    """An instant in UTC, to the second; a dash where there is none."""
    return "-" if instant is None else instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def took(step: StepRecord) -> float | None:
    """Seconds a step took; None before its end, and where it was skipped."""
    if step.started_at is None or step.completed_at is None or step.status is StepStatus.SKIPPED:
        return None
    return max(0.0, (step.completed_at - step.started_at).total_seconds())


def current_step(record: RunRecord) -> StepRecord | None:
    """The step in progress, if any."""
    return next((s for s in record.steps if s.status is StepStatus.IN_PROGRESS), None)


def headline(record: RunRecord) -> str:  # noqa: PLR0911 - one sentence per status
    """One sentence on where the run stands or how it ended; ours alone but for the service's name."""
    service = record.service or "the service"
    match record.status:
        case RunStatus.AWAITING_APPROVAL:
            return "Waits for an approval. Nothing is written or locked meanwhile."
        case RunStatus.QUEUED:
            return f"Waits for its turn: place {record.lane.position}." if record.lane else "On hold."
        case RunStatus.SUCCEEDED:
            fine = record.code == "nothing_to_repair"
            return (
                "Nothing to repair: nothing was touched."
                if fine
                else f"Done: {service} was measured healthy."
            )
        case RunStatus.ROLLED_BACK:
            return "Not repaired. " + _AS_BEFORE
        case RunStatus.CANCELLED:
            return "Cancelled. " + (_AS_BEFORE if changed(record) else _NOTHING_CHANGED)
        case RunStatus.REJECTED:
            return "Rejected: the plan was not approved. " + (
                _AS_BEFORE if changed(record) else _NOTHING_CHANGED
            )
        case RunStatus.PLANNED:
            return "Planned only. " + _NOTHING_CHANGED
        case RunStatus.FAILED:
            return _failed(record)
    return _at_work(record)


def _failed(record: RunRecord) -> str:
    if record.code == "rollback_incomplete":
        return "Failed, and not everything could be put back: somebody has to look at it."
    if record.rollback is not None and not record.rollback.nothing_written and not record.rollback.complete:
        return "Failed. The state that is left is below."
    if not changed(record) or (record.rollback is not None and record.rollback.complete):
        return f"Failed. {_NOTHING_CHANGED}"
    return "Failed. What state is left was not measured."


def _at_work(record: RunRecord) -> str:
    step = current_step(record)
    if step is None:
        return "Begins." if not record.started_at else "At work."
    number = f", round {step.round}" if step.name not in ONCE else ""
    return f"At work: {step.name}{number}, since {when(step.started_at)}."


def changed(record: RunRecord) -> bool:
    """Whether a step that can change something has begun."""
    return bool(record.files_touched) or any(
        step.name in _CHANGING
        and step.status in {StepStatus.IN_PROGRESS, StepStatus.SUCCEEDED, StepStatus.FAILED}
        for step in record.steps
    )


def state_left(record: RunRecord) -> tuple[str, ...]:
    """The state as measured, and nothing that was not."""
    lines = [_left(record)]
    if record.rollback is not None:
        lines += [f"Not as before: {mismatch}" for mismatch in record.rollback.mismatches]
        lines += [f"Changed by somebody else, left alone: {p}" for p in record.rollback.foreign_changes]
        if record.rollback.rebuilt:
            lines.append("The old image was gone: it was rebuilt from the restored files, not identical.")
    if record.downtime_seconds is not None:
        lines.append(f"The service was down for {seconds(record.downtime_seconds)}.")
    if record.neighbours is not None:
        lines.append(neighbours(record.neighbours))
    if record.status.terminal and changed(record):
        undone = record.rollback.not_undone if record.rollback else ()
        lines += [f"Not undone: {thing}" for thing in undone or (f"{NEVER_UNDONE}, if any",)]
    return tuple(lines)


def _left(record: RunRecord) -> str:
    if not record.status.terminal:
        busy = changed(record) and record.status is not RunStatus.AWAITING_APPROVAL
        return "Files or containers are being changed." if busy else "Nothing is changed so far."
    if record.code == "run_interrupted":
        return "Not measured: the run was interrupted. Its journal knows what it changed."
    if record.rollback is not None and not record.rollback.nothing_written:
        return record.rollback.state or "Measured."
    if record.status is RunStatus.SUCCEEDED and record.code != "nothing_to_repair":
        count = sum(file.before != file.after for file in record.files_touched)
        return f"The service runs and was measured healthy; {count} file{'' if count == 1 else 's'} changed."
    if record.status is RunStatus.FAILED and changed(record) and record.rollback is None:
        return "Not measured: the rollback did not report. The run's journal knows what it changed."
    return _NOTHING_CHANGED


def neighbours(proof: NeighbourProof) -> str:
    """Invariant I3 in one sentence."""
    if not proof.untouched:
        return "OTHER CONTAINERS CHANGED: " + ", ".join((*proof.changed, *proof.dry_run_new))
    count = len(proof.before)
    line = f"{count} other container{'' if count == 1 else 's'} of the project untouched."
    if proof.self_restarted:
        line += f" Restarted by themselves: {', '.join(proof.self_restarted)}."
    return line


def quoted(identifier: str) -> str:
    """An id as one word of a shell; a workflow id is chosen by a client and may hold anything."""
    return shlex.quote("".join(c if c.isprintable() else "?" for c in identifier))


def next_commands(record: RunRecord) -> tuple[Command, ...]:
    """What makes sense to type now, the likeliest first."""
    run = quoted(record.run_id)
    if record.status is RunStatus.AWAITING_APPROVAL:
        return (Command("read the whole plan", f"mm-orchestrator plan {run}"),
                Command("read the whole diff", f"mm-orchestrator diff {run}"))  # fmt: skip
    if not record.status.terminal:
        return (Command("follow it", f"mm-orchestrator watch {run}"),
                Command("stop it; what it changed is put back", f"mm-orchestrator cancel {run}"))  # fmt: skip
    commands = [Command("everything about it", f"mm-orchestrator show {run}")]
    if record.code in {"rollback_incomplete", "run_interrupted"}:
        commands.insert(0, Command("put back what can be put back", f"mm-orchestrator recover {run}"))
    elif record.failure is not None:
        commands.insert(0, Command("what happened, on one screen", f"mm-orchestrator explain {run}"))
    elif record.status is RunStatus.PLANNED:
        commands.insert(0, Command("the diff, ready for git apply", f"mm-orchestrator diff {run}"))
    elif any(file.before != file.after for file in record.files_touched):
        commands.insert(0, Command("the change: commit it, so that the next deploy keeps it",
                                   f"mm-orchestrator diff {run}"))  # fmt: skip
    if record.artifacts:
        commands.append(Command("the evidence, with checksums", f"mm-orchestrator artifacts {run}"))
    return tuple(commands)
