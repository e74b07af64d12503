"""The whole record of one run, readable (SPEC User Story 2)."""

from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from starter.rendering.explain import neighbour_line
from starter.rendering.steps import step_table
from starter.rendering.style import heading, said, status
from starter.rendering.text import short_hash, when
from workflows.models.approval import Approval
from workflows.models.record import RollbackOutcome, RunRecord
from workflows.quantities import seconds, size


def record_view(record: RunRecord, now: datetime | None = None) -> RenderableType:
    """Every field of the record that says something, in the order an operator asks for it."""
    parts: list[RenderableType] = [_facts(record)]
    for title, lines in _sections(record):
        if lines:
            parts += [Text(), heading(title), *lines]
    if record.steps:
        parts[1:1] = [Text(), heading("Steps"), step_table(record.steps, now)]
    return Group(*parts)


def _facts(record: RunRecord) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    state = status(record.status)
    if record.code and record.code != record.status:
        state.append(f" ({record.code})", style="")
    table.add_row(Text("Run"), said(record.run_id))
    table.add_row(Text("Workflow"), said(record.workflow_id))
    table.add_row(Text("Status"), state)
    rows = [
        ("Summary", record.summary),
        ("Instruction", record.instruction),
        ("Asked by", record.requested_by),
        ("Repeats", record.retry_of),
        ("Project", record.project),
        ("Service", record.service),
        ("Created", when(record.created_at)),
        ("Ended", _ended(record)),
        ("Rounds", str(record.rounds) if record.status.terminal or record.rounds else None),
        ("Downtime", None if record.downtime_seconds is None else seconds(record.downtime_seconds)),
        ("Lane", _lane(record)),
        ("Approval by", when(record.approval_deadline) if record.approval_deadline else None),
    ]
    for name, value in rows:
        if value:
            table.add_row(Text(name), said(value))
    return table


def _lane(record: RunRecord) -> str | None:
    if record.lane is None:
        return None
    return f"number {record.lane.position}, behind run {record.lane.holder or '?'}"


def _ended(record: RunRecord) -> str | None:
    if record.completed_at is None:
        return None
    spent = (record.completed_at - record.created_at).total_seconds()
    return f"{when(record.completed_at)}, after {seconds(spent)}"


def _sections(record: RunRecord) -> list[tuple[str, list[Text]]]:
    return [
        ("Failure", _failure(record)),
        ("Plan", _plan(record)),
        ("Approvals", [_approval(approval) for approval in record.approvals]),
        (
            "Files",
            [
                said(f"- {file.path}  {short_hash(file.before)} -> {short_hash(file.after)}")
                for file in record.files_touched
            ],
        ),
        ("Other containers", [said(f"- {neighbour_line(record.neighbours)}")] if record.neighbours else []),
        ("Rollback", _rollback(record.rollback) if record.rollback else []),
        ("Warnings", [said(f"- {warning}") for warning in record.warnings]),
        (
            "Artifacts",
            [said(f"- {a.name}  {size(a.size_bytes)}  {a.state}") for a in record.artifacts],
        ),
    ]


def _failure(record: RunRecord) -> list[Text]:
    failure = record.failure
    if failure is None:
        return []
    lines = [said(f"{failure.code} in step {failure.step}: {failure.message}")]
    if failure.remedy:
        lines.append(said(f"→ {failure.remedy}"))
    if failure.artifacts:
        lines.append(said(f"shown by: {', '.join(failure.artifacts)}"))
    return lines


def _plan(record: RunRecord) -> list[Text]:
    plan = record.plan
    if plan is None:
        return []
    made = f"revision {plan.revision} by {plan.generated_by}, digest {plan.digest[:12]}"
    return [said(plan.summary), said(f"{made}; mm-orchestrator plan {record.run_id}")]


def _approval(approval: Approval) -> Text:
    who = approval.approver or "somebody without a name"
    why = f" ({approval.code})" if approval.code else ""
    comment = f" - {approval.comment}" if approval.comment and approval.comment != approval.message else ""
    proved = ", signed" if approval.signed else ""
    line = f"- {when(approval.at)}  {approval.verdict} by {who}{proved}{why}"
    said_too = f": {approval.message}" if approval.message else ""
    return said(f"{line}, plan revision {approval.plan_revision}{said_too}{comment}")


def _rollback(rollback: RollbackOutcome) -> list[Text]:
    lines = [f"{'complete' if rollback.complete else 'INCOMPLETE'}: {rollback.state or 'measured'}"]
    lines += [f"- {f.path}  now {short_hash(f.after)}, was {short_hash(f.before)}" for f in rollback.files]
    if rollback.image_id_before or rollback.image_id_after:
        same = short_hash(rollback.image_id_after), short_hash(rollback.image_id_before)
        lines.append(f"- image now {same[0]}, was {same[1]}")
    if rollback.rebuilt:
        lines.append("- the old image was gone: rebuilt, not identical")
    lines += [f"- not as before: {mismatch}" for mismatch in rollback.mismatches]
    lines += [f"- changed by somebody else, left alone: {path}" for path in rollback.foreign_changes]
    lines += [f"- not undone: {thing}" for thing in rollback.not_undone]
    return [said(line) for line in lines]
