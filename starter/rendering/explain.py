"""One screen about one run: what happened, what state is left, what to type, what stays undone."""

import shlex

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from starter.rendering.style import heading, plain, said, status
from starter.rendering.text import one_line, seconds, step_label, when
from workflows.models.plan import GeneratedBy
from workflows.models.record import RunRecord
from workflows.models.snapshot import NeighbourProof
from workflows.models.status import RunStatus, StepName, StepStatus

NEVER_UNDONE = "what the service wrote to volumes, databases and its container's writable layer"
_CHANGING = (StepName.PATCH, StepName.BUILD, StepName.RESTART, StepName.VERIFY)
_PUT_BACK = frozenset({RunStatus.ROLLED_BACK, RunStatus.CANCELLED, RunStatus.REJECTED})


def explain_view(record: RunRecord) -> RenderableType:
    """The four questions of somebody who comes to a run for the first time."""
    title = Text.assemble("Run ", said(record.run_id), ": ", status(record.status))
    if record.code and record.code != record.status:
        title.append(f" ({one_line(record.code)})")
    return Group(
        title,
        *_section("What happened", what_happened(record)),
        *_section("What state is left", state_left(record)),
        *_section("What to type", what_to_type(record), breakable=False),
        *_section("What is not undone", not_undone(record)),
    )


def _section(name: str, lines: list[str], *, breakable: bool = True) -> list[RenderableType]:
    """A command is left to the terminal to wrap, so that it can be copied in one piece."""
    if breakable:
        return [Text(), heading(name), *(Padding(Text(line), (0, 0, 0, 2)) for line in lines)]
    return [Text(), heading(name), *(plain(f"  {line}") for line in lines)]


def what_happened(record: RunRecord) -> list[str]:
    """Who asked for what, how far it came, and why it ended."""
    asked = f" by {one_line(record.requested_by)}" if record.requested_by else ""
    where = "/".join(one_line(part) for part in (record.project, record.service) if part) or "?"
    lines = [f"Asked{asked} for {where}: {one_line(record.instruction, 200)}"]
    if record.plan is not None:
        guess = " (proposed by a language model)" if record.plan.generated_by is GeneratedBy.LLM else ""
        lines.append(f"Plan: {one_line(record.plan.summary, 200)}{guess}")
    failure = record.failure
    if failure is not None:
        lines.append(f"{failure.code} in step {failure.step}: {one_line(failure.message, 400)}")
        if failure.artifacts:
            lines.append(f"Shown by: {one_line(', '.join(failure.artifacts))}")
    elif record.summary:
        lines.append(one_line(record.summary, 400))
    if record.rounds > 1:
        lines.append(f"It took {record.rounds} rounds.")
    lines += [f"Warning: {one_line(warning, 200)}" for warning in record.warnings[:5]]
    if len(record.warnings) > 5:
        lines.append(f"and {len(record.warnings) - 5} more warnings: mm-orchestrator show {record.run_id}")
    return lines


def state_left(record: RunRecord) -> list[str]:
    """The state as measured, and nothing that was not."""
    lines = [_left(record)]
    if record.status is RunStatus.SUCCEEDED:
        lines += [f"Changed and kept: {one_line(file.path)}" for file in record.files_touched]
    if record.rollback is not None:
        lines += [f"Not as before: {one_line(mismatch)}" for mismatch in record.rollback.mismatches]
        lines += [
            f"Somebody else changed {one_line(path)} meanwhile; it was left alone."
            for path in record.rollback.foreign_changes
        ]
        if record.rollback.rebuilt:
            lines.append("The old image was gone: it was rebuilt from the restored files, not identical.")
    if record.downtime_seconds is not None:
        lines.append(f"The service was down for {seconds(record.downtime_seconds)}.")
    if record.neighbours is not None:
        lines.append(neighbour_line(record.neighbours))
    return lines


def _left(record: RunRecord) -> str:  # noqa: PLR0911 - one sentence per way to end
    nothing = "Nothing was changed: no file, image or container."
    service = one_line(record.service or "The service")
    if not record.status.terminal:
        return _under_way(record)
    if record.code == "run_interrupted":
        return "Not measured: the run was interrupted. Its journal, if there is one, knows what it changed."
    if record.status is RunStatus.SUCCEEDED:
        if record.code == "nothing_to_repair":
            return f"{nothing} {service} was fine."
        return f"{service} runs and was measured healthy."
    if record.rollback is not None and not record.rollback.nothing_written:
        measured = one_line(record.rollback.state)
        return measured or (
            "Measured to be as before." if record.rollback.complete else "Not fully put back."
        )
    if record.status is RunStatus.PLANNED or record.status in _PUT_BACK or not _changed(record):
        return nothing
    return "Not measured: the rollback did not report. The run's journal knows what it changed."


def _under_way(record: RunRecord) -> str:
    if record.status is RunStatus.AWAITING_APPROVAL:
        until = f" until {when(record.approval_deadline)}" if record.approval_deadline else ""
        return f"Nothing is written or locked while it waits for an approval{until}."
    if record.status is RunStatus.QUEUED:
        return f"It waits, {one_line(record.summary)}; nothing is written or locked meanwhile."
    now = next((step for step in record.steps if step.status is StepStatus.IN_PROGRESS), None)
    doing = f"step {step_label(now)}" if now else "it has not begun a step"
    written = "files or containers are being changed" if _changed(record) else "nothing is changed so far"
    return f"It is under way ({doing}); {written}."


def what_to_type(record: RunRecord) -> list[str]:
    """Commands that make sense now, the likeliest first."""
    run = shlex.quote(one_line(record.run_id))
    if record.status is RunStatus.AWAITING_APPROVAL:
        return [
            f"mm-orchestrator plan {run}",
            f"mm-orchestrator approve {run}",
            f"mm-orchestrator reject {run} --reason TEXT",
        ]
    if not record.status.terminal:
        return [f"mm-orchestrator watch {run}", f"mm-orchestrator cancel {run}"]
    return _after_the_end(record, run)


def _after_the_end(record: RunRecord, run: str) -> list[str]:
    failure = record.failure
    lines = []
    if failure is not None and failure.remedy:
        lines.append(one_line(failure.remedy))
    if failure is not None and _has_logs(record, failure.step):
        lines.append(f"mm-orchestrator logs {run} {failure.step}")
    if record.status is RunStatus.PLANNED:
        words = [record.service] if record.service else []
        lines += [
            f"mm-orchestrator diff {run}",
            _command("mm-orchestrator", "run", *words, record.instruction),
        ]
    elif record.status is RunStatus.SUCCEEDED and record.files_touched:
        paths = [file.path for file in record.files_touched]
        lines += [
            f"mm-orchestrator diff {run}",
            f"{_command('git', 'add', '--', *paths)}  # and commit, so that the next deploy keeps the repair",
        ]
    return [*dict.fromkeys(lines), f"mm-orchestrator show {run}"]


def not_undone(record: RunRecord) -> list[str]:
    """What no rollback of this run can or could put back."""
    if record.rollback is not None and record.rollback.not_undone:
        return [one_line(thing) for thing in record.rollback.not_undone]
    if record.status.terminal and not _changed(record):
        return ["Nothing: the run changed nothing."]
    if record.status.terminal:
        return [f"A rollback puts files, image and containers back, not {NEVER_UNDONE}."]
    return [f"Should it roll back: files, image and containers are put back, not {NEVER_UNDONE}."]


def neighbour_line(proof: NeighbourProof) -> str:
    """Invariant I3 in one sentence."""
    if not proof.untouched:
        return f"OTHER CONTAINERS CHANGED: {one_line(', '.join((*proof.changed, *proof.dry_run_new)))}"
    count = len(proof.before) + proof.omitted
    more = (f"and {proof.omitted} more",) if proof.omitted else ()
    names = one_line(", ".join((*(container.name for container in proof.before), *more)), 200)
    line = f"{count} other container{'' if count == 1 else 's'} untouched{': ' + names if names else ''}."
    if proof.self_restarted:
        line += f" Restarted by themselves: {one_line(', '.join(proof.self_restarted))}."
    return line


def _changed(record: RunRecord) -> bool:
    """Whether a step that can change something has begun."""
    return bool(record.files_touched) or any(
        step.name in _CHANGING
        and step.status in {StepStatus.IN_PROGRESS, StepStatus.SUCCEEDED, StepStatus.FAILED}
        for step in record.steps
    )


def _has_logs(record: RunRecord, step: StepName) -> bool:
    return any(
        name.endswith(".log") for entry in record.steps if entry.name is step for name in entry.artifacts
    )


def _command(*words: str) -> str:
    return shlex.join(one_line(word) for word in words)
