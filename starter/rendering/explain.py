"""One screen about one run: what happened, what is left, what to type, what stays undone, the evidence."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.text import Text

from starter.rendering.style import heading, plain, said, status
from starter.rendering.text import one_line, step_label, when
from starter.statistics.completeness import missing_types
from workflows.models.artifact import ArtifactState
from workflows.models.plan import GeneratedBy
from workflows.models.record import RunRecord
from workflows.models.snapshot import NeighbourProof
from workflows.models.status import RunStatus, StepName, StepStatus
from workflows.quantities import seconds

NEVER_UNDONE = "what the service wrote to volumes, databases and its container's writable layer"
_CHANGING = (StepName.PATCH, StepName.BUILD, StepName.RESTART, StepName.VERIFY)
_NOT_STORED: Final = {
    ArtifactState.SPOOLED: "Safe on the worker's disk, waiting for the store",
    ArtifactState.MISSING: "Lost, because neither store nor disk took it",
}
_RETRIED: Final = frozenset(
    {RunStatus.FAILED, RunStatus.ROLLED_BACK, RunStatus.REJECTED, RunStatus.CANCELLED}
)
_FIRST_SETTLED: Final = frozenset({"rollback_incomplete", "run_interrupted", "invalid_request"})
"""A new run would meet what this one left, or the same refusal."""
_PUT_BACK = frozenset({RunStatus.ROLLED_BACK, RunStatus.CANCELLED, RunStatus.REJECTED})


SCREEN_LINES: Final = 40
"""What fits on a screen; where it would be more, the least important lines go first."""


@dataclass(frozen=True)
class Room:
    """How much may be said: at most ``lines`` of a kind, ``words`` characters each."""

    lines: int
    words: int


_ONE_LINE: Final = 96
_ROOMS: Final = (Room(5, 400), Room(3, 260), Room(2, 160), Room(1, 90))


@dataclass(frozen=True)
class ExplainView:
    """The five questions of somebody who comes to a run for the first time, on one screen."""

    record: RunRecord

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Say as much as fits."""
        for room in _ROOMS:
            parts = _sections(self.record, room)
            if sum(_height(part, console, options) for part in parts) <= SCREEN_LINES:
                break
        yield from parts


def explain_view(record: RunRecord) -> RenderableType:
    """What happened, what state is left, what to type, what will not be undone, where the evidence is."""
    return ExplainView(record)


def _sections(record: RunRecord, room: Room) -> list[RenderableType]:
    title = Text.assemble("Run ", said(record.run_id), ": ", status(record.status))
    if record.code and record.code != record.status:
        title.append(f" ({one_line(record.code)})")
    return [
        title,
        *_section("What happened", _clipped(what_happened(record, room), room)),
        *_section("What state is left", _clipped(state_left(record, room), room)),
        *_section("What to type", what_to_type(record, room), breakable=False),
        *_section("What is not undone", _clipped(not_undone(record, room), room)),
        *_section("Where the evidence is", _clipped(evidence_lines(record, room), room)),
    ]


def _clipped(lines: list[str], room: Room) -> list[str]:
    """Where there is least room everything gets one line of a screen of 100 columns."""
    return [one_line(line, _ONE_LINE) for line in lines] if room is _ROOMS[-1] else lines


def _section(name: str, lines: list[str], *, breakable: bool = True) -> list[RenderableType]:
    """A command is left to the terminal to wrap, so that it can be copied in one piece."""
    if breakable:
        return [Text(), heading(name), *(Padding(Text(line), (0, 0, 0, 2)) for line in lines)]
    return [Text(), heading(name), *(plain(f"  {line}") for line in lines)]


def _height(part: RenderableType, console: Console, options: ConsoleOptions) -> int:
    """Lines on the screen; what is not wrapped by us is wrapped by the terminal."""
    if isinstance(part, Text) and part.no_wrap:
        return -(-max(part.cell_len, 1) // options.max_width)
    return len(console.render_lines(part, options, pad=False))


def some(lines: Sequence[str], room: Room, run_id: str) -> list[str]:
    """As many as there is room for, and how many more there are."""
    shown = [one_line(line, room.words) for line in lines[: room.lines]]
    more = len(lines) - len(shown)
    return [*shown, f"and {more} more: mm-orchestrator show {run_id}"] if more else shown


def what_happened(record: RunRecord, room: Room) -> list[str]:
    """Who asked for what, how far it came, and why it ended."""
    asked = f" by {one_line(record.requested_by, 80)}" if record.requested_by else ""
    where = "/".join(one_line(part, 60) for part in (record.project, record.service) if part) or "?"
    lines = [f"Asked{asked} for {where}: {one_line(record.instruction, room.words // 2)}"]
    if record.retry_of:
        lines.append(f"It repeats run {one_line(record.retry_of)}.")
    if record.plan is not None:
        guess = " (proposed by a language model)" if record.plan.generated_by is GeneratedBy.LLM else ""
        lines.append(f"Plan: {one_line(record.plan.summary, room.words // 2)}{guess}")
    failure = record.failure
    if failure is not None:
        lines.append(f"{failure.code} in step {failure.step}: {one_line(failure.message, room.words)}")
        if failure.artifacts:
            lines.append(f"Shown by: {one_line(', '.join(failure.artifacts), room.words)}")
    elif record.summary:
        lines.append(one_line(record.summary, room.words))
    if record.rounds > 1:
        lines.append(f"It took {record.rounds} rounds.")
    warnings = [f"Warning: {one_line(warning, room.words // 2)}" for warning in record.warnings]
    return [*lines, *some(warnings, room, record.run_id)]


def state_left(record: RunRecord, room: Room) -> list[str]:
    """The state as measured, and nothing that was not."""
    lines = [_left(record, room)]
    if record.status is RunStatus.SUCCEEDED:
        kept = [f"Changed and kept: {file.path}" for file in record.files_touched]
        lines += some(kept, room, record.run_id)
    if record.rollback is not None:
        mismatches = [f"Not as before: {mismatch}" for mismatch in record.rollback.mismatches]
        lines += some(mismatches, room, record.run_id)
        foreign = [
            f"Somebody else changed {one_line(path)} meanwhile; it was left alone."
            for path in record.rollback.foreign_changes
        ]
        lines += some(foreign, room, record.run_id)
        if record.rollback.rebuilt:
            lines.append("The old image was gone: it was rebuilt from the restored files, not identical.")
    if record.downtime_seconds is not None:
        lines.append(f"The service was down for {seconds(record.downtime_seconds)}.")
    if record.neighbours is not None:
        lines.append(one_line(neighbour_line(record.neighbours), room.words))
    return lines


def _left(record: RunRecord, room: Room) -> str:  # noqa: PLR0911 - one sentence per way to end
    nothing = "Nothing was changed: no file, image or container."
    service = one_line(record.service or "The service")
    if not record.status.terminal:
        return _under_way(record, room)
    if record.code == "run_interrupted":
        return "Not measured: the run was interrupted. Its journal, if there is one, knows what it changed."
    if record.status is RunStatus.SUCCEEDED:
        if record.code == "nothing_to_repair":
            return f"{nothing} {service} was fine."
        return f"{service} runs and was measured healthy."
    if record.rollback is not None and not record.rollback.nothing_written:
        measured = one_line(record.rollback.state, room.words)
        return measured or (
            "Measured to be as before." if record.rollback.complete else "Not fully put back."
        )
    if record.status is RunStatus.PLANNED or record.status in _PUT_BACK or not _changed(record):
        return nothing
    return "Not measured: the rollback did not report. The run's journal knows what it changed."


def _under_way(record: RunRecord, room: Room) -> str:
    if record.status is RunStatus.AWAITING_APPROVAL:
        until = f" until {when(record.approval_deadline)}" if record.approval_deadline else ""
        return f"Nothing is written or locked while it waits for an approval{until}."
    if record.status is RunStatus.QUEUED:
        return f"It waits, {one_line(record.summary, room.words)}; nothing is written or locked meanwhile."
    now = next((step for step in record.steps if step.status is StepStatus.IN_PROGRESS), None)
    doing = f"step {step_label(now)}" if now else "it has not begun a step"
    written = "files or containers are being changed" if _changed(record) else "nothing is changed so far"
    return f"It is under way ({doing}); {written}."


def what_to_type(record: RunRecord, room: Room) -> list[str]:
    """Commands that make sense now, the likeliest first; a command is whole or not there at all."""
    run = shlex.quote(one_line(record.run_id))
    if record.status is RunStatus.AWAITING_APPROVAL:
        return [
            f"mm-orchestrator plan {run}",
            f"mm-orchestrator approve {run}",
            f"mm-orchestrator reject {run} --reason TEXT",
        ]
    if not record.status.terminal:
        return [f"mm-orchestrator watch {run}", f"mm-orchestrator cancel {run}"]
    return _after_the_end(record, run, room)


def _after_the_end(record: RunRecord, run: str, room: Room) -> list[str]:
    failure = record.failure
    lines = []
    if failure is not None and failure.remedy:
        lines.append(one_line(failure.remedy, room.words))
    if failure is not None and _has_logs(record, failure.step):
        lines.append(f"mm-orchestrator logs {run} {failure.step}")
    if record.status is RunStatus.PLANNED:
        again = _command("mm-orchestrator", "run", *filter(None, [record.service]), record.instruction)
        short = len(again) <= room.words
        lines += [f"mm-orchestrator diff {run}", again if short else "the same again, without --plan-only"]
    elif record.status is RunStatus.SUCCEEDED and record.files_touched:
        adding = _command("git", "add", "--", *(file.path for file in record.files_touched))
        short = len(adding) <= room.words
        kept = f"{adding if short else 'git status'}  # and commit, so that the next deploy keeps the repair"
        lines += [f"mm-orchestrator diff {run}", kept]
    if record.status in _RETRIED and record.code not in _FIRST_SETTLED:
        lines.append(f"mm-orchestrator retry {run}")
    return [*dict.fromkeys(lines), f"mm-orchestrator show {run}"]


def not_undone(record: RunRecord, room: Room) -> list[str]:
    """What no rollback of this run can or could put back."""
    if record.rollback is not None and record.rollback.not_undone:
        return some(record.rollback.not_undone, room, record.run_id)
    if record.status.terminal and not _changed(record):
        return ["Nothing: the run changed nothing."]
    if record.status.terminal:
        return [f"A rollback puts files, image and containers back, not {NEVER_UNDONE}."]
    return [f"Should it roll back: files, image and containers are put back, not {NEVER_UNDONE}."]


def evidence_lines(record: RunRecord, room: Room) -> list[str]:
    """Where the artifacts are, whether the set is complete, and what has not reached its store (I6)."""
    artifacts = record.artifacts
    if not artifacts:
        return ["There is none" + (" yet." if not record.status.terminal else ".")]
    stored = [a for a in artifacts if a.state is ArtifactState.STORED]
    places = dict.fromkeys(a.uri.rpartition("/")[0] for a in stored)
    where = f" in {one_line(', '.join(places), room.words)}" if places else ""
    so_far = " so far" if not record.status.terminal else ""
    lines = [f"{len(stored)} of {len(artifacts)} artifacts{so_far} are stored{where}"]
    for state, words in _NOT_STORED.items():
        names = [a.name for a in artifacts if a.state is state]
        if names:
            lines.append(f"{words}: {one_line(', '.join(names), room.words)}")
    lacking = missing_types(record, artifacts) if record.status.terminal else ()
    if lacking:
        gaps = ", ".join("the diff" if kind == "patch" else f"the {kind} log" for kind in lacking)
        lines.append(f"Not complete: {gaps} is not there.")
    elif record.status.terminal and len(stored) == len(artifacts):
        lines.append(f"Complete. Take it along: mm-orchestrator artifacts {record.run_id} --download DIR")
    return lines


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
