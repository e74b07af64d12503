"""What the Temporal Web UI shows of a run beside its history, as markdown that an operator can act on.

The current details stand alone: a run that was started by hand has no other words. They are no events and
may change often; their size is bounded. Everything foreign goes through ``markdown`` first.
"""

import shlex
from datetime import timedelta
from typing import Final

from workflows import quantities, telling
from workflows.markdown import code, command, fence, link, one_line, words
from workflows.models.approval import Verdict
from workflows.models.lane import LaneView
from workflows.models.policy import ApprovalGate, Trust
from workflows.models.record import RunRecord, StepRecord
from workflows.models.request import RunRequest
from workflows.models.status import RunStatus, StepStatus

MOST_BYTES: Final = 16 * 1024
SUMMARY_BYTES: Final = 200
"""One row of the timeline, and small in the history; ids and names of others may be long."""
_DIFF_BYTES: Final = 3 * 1024
_TABLE_ROWS: Final = 16
_SYMBOL: Final = {
    StepStatus.PENDING: "·",
    StepStatus.IN_PROGRESS: "▶",
    StepStatus.SUCCEEDED: "✔",
    StepStatus.FAILED: "✘",
    StepStatus.SKIPPED: "-",
}
_NO_BREAK: Final = "\u00a0"
_GAP: Final = "\u2003"
"""The Web UI draws tables without any space between their columns."""
_FIRST_LINKS: Final[tuple[str, ...]] = (
    "report.html",
    "patch.diff",
    "build.log",
    "verify.log",
    "rollback.log",
    "approval.json",
)


def static_summary(title: str) -> str:
    """One line for a list or a timeline, with nothing in it that could be markup."""
    return words(title, SUMMARY_BYTES)


def static_details(request: RunRequest) -> str:
    """What was asked, for the Web UI; it never changes again."""
    asked = f" by {words(request.requested_by)}" if request.requested_by else ""
    where = "/".join(words(part, 100) for part in (request.project, request.service) if part)
    lines = [f"Asked{asked}{f' for {where}' if where else ''}:", "", *_quote(request.instruction, 1000)]
    if request.plan_only:
        lines += ["", "Plan only: nothing will be changed."]
    if request.patch:
        lines += ["", "With a patch of the operator:", "", *fence(request.patch, "diff", _DIFF_BYTES)]
    return "\n".join([*lines, "", "How it stands and what to type: *Current Details*."])


def details(record: RunRecord, gate: ApprovalGate | None = None) -> str:
    """The current details: how it stands, what it waits for, what to type, and why.

    Args:
        record: the run as of now.
        gate: what an approval must satisfy, while one is waited for.
    """
    needed = [_head(record), _waiting(record, gate), _failure(record)]
    proof = [_findings(record), _diff(record)]
    decided = (
        record.status is not RunStatus.AWAITING_APPROVAL
    )  # who is to decide wants cause and change first
    useful = [
        _state(record),
        _next(record),
        *([_steps(record), *proof] if decided else [*proof, _steps(record)]),
    ]
    extras = [_attempts(record), _artifacts(record), _warnings(record)]
    text = "\n\n".join("\n".join(block) for block in needed if block)
    for block in (*useful, *extras):
        longer = "\n\n".join((text, "\n".join(block)))
        if block and len(longer.encode()) <= MOST_BYTES:
            text = longer
    return text


def lane_details(view: LaneView) -> str:
    """The current details of a project's lane: who may change it now, and who is next."""
    holder = f"Run {code(view.holder, 100)} may change it now." if view.holder else "Nobody holds it."
    lines = [f"### Lane of project {words(view.project, 100)}", "", holder, ""]
    lines += [f"{place}. {code(run, 100)}" for place, run in enumerate(view.waiting[:50], start=1)]
    left = len(view.waiting) - 50
    return "\n".join([*lines, "", f"and {left} more"] if left > 0 else lines)


def _head(record: RunRecord) -> list[str]:
    asked = f"asked by {words(record.requested_by, 100)}" if record.requested_by else "asked"
    where = "/".join(words(part, 100) for part in (record.project, record.service) if part) or "a service"
    reason = f" ({code(record.code, 60)})" if record.code and record.status.terminal else ""
    return [
        f"### {words(telling.headline(record), 300)}{reason}",
        "",
        f"{code(record.status)} on {where}, {asked}: {words(record.instruction, 600)}",
    ]


def _quote(text: str, limit: int) -> list[str]:
    return [f"> {words(text, limit)}"]


def _waiting(record: RunRecord, gate: ApprovalGate | None) -> list[str]:
    if record.status is RunStatus.QUEUED:
        return _queued(record)
    plan = record.plan
    if record.status is not RunStatus.AWAITING_APPROVAL or plan is None:
        return []
    since = _since(record, gate)
    return [
        f"**Waits for an approval**{since} until {telling.when(record.approval_deadline)}. "
        f"{_who(gate)}Plan revision {plan.revision}, digest `{plan.digest[:12]}`: "
        f"{words(plan.summary, 300)}.",
        "",
        *_commands(record, gate),
    ]


def _since(record: RunRecord, gate: ApprovalGate | None) -> str:
    if gate is None or record.approval_deadline is None:
        return ""
    began = record.approval_deadline - timedelta(seconds=gate.time_limit_seconds)
    return f" since {telling.when(began)}"


def _who(gate: ApprovalGate | None) -> str:
    if gate is None:
        return ""
    roles = " or ".join(words(role, 60) for role in gate.approver_roles[:5]) or "an approver of the policy"
    why = f" because {'; '.join(words(reason, 150) for reason in gate.reasons[:3])}" if gate.reasons else ""
    number = "One person" if gate.quorum == 1 else f"{gate.quorum} different people"
    return f"{number} with role {roles} must approve{why}; whoever asked for it cannot. "


def _commands(record: RunRecord, gate: ApprovalGate | None) -> list[str]:
    """With our command line, and with nothing but Temporal's."""
    run, signal = telling.quoted(record.run_id), f"temporal workflow signal -w {_workflow(record)}"
    digest = record.plan.digest if record.plan else ""
    if gate is not None and gate.trust is Trust.UNSIGNED:
        approve, reject = (
            f'{{"approver":"YOU","plan_digest":"{digest}"}}',
            '{"approver":"YOU","reason":"WHY"}',
        )
        tokens = ("", "")
    else:
        approve, reject = '{"token":"..."}', '{"token":"...","reason":"WHY"}'
        sign = f"mm-orchestrator keys sign {run}"
        tokens = (
            f", with the token of {command(sign)}",
            f", with the token of {command(f'{sign} --reject')}",
        )
    approving, rejecting = f"{signal} --name Approve -i '{approve}'", f"{signal} --name Reject -i '{reject}'"
    return [
        f"- Approve: {command(f'mm-orchestrator approve {run}')}",
        f"- Reject: {command(f'mm-orchestrator reject {run} --reason WHY')}",
        f"- Or approve with Temporal's command line{tokens[0]}: {command(approving)}",
        f"- Or reject with it{tokens[1]}: {command(rejecting)}",
    ]


def _workflow(record: RunRecord) -> str:
    return telling.quoted(record.workflow_id[:1000])


def _queued(record: RunRecord) -> list[str]:
    lane = record.lane
    if lane is None:
        hold = f"**On hold**: {words(record.summary.removeprefix('on hold: '), 400)}."
        release = f"mm-orchestrator release {shlex.quote(one_line(record.project or 'PROJECT', 100))}"
        return [hold, "", f"- Go on: {command(release)}"]
    holder = code(lane.holder or "?", 100)
    return [
        f"**Waits for its turn** on project {words(record.project or '?', 100)}: place {lane.position}, "
        f"behind run {holder}, which may change the project now. Nothing is locked meanwhile."
    ]


def _failure(record: RunRecord) -> list[str]:
    failure = record.failure
    if failure is None:
        return []
    shown = ", ".join(words(name, 60) for name in failure.artifacts[:5])
    told = f"{words(failure.message, 800)}{f' (shown by {shown})' if shown else ''}"
    lines = [f"**Why**: {code(failure.code, 60)} in step {failure.step}: {told}"]
    return [*lines, "", f"**What to do**: {words(failure.remedy, 800)}"] if failure.remedy else lines


def _state(record: RunRecord) -> list[str]:
    if not record.status.terminal:
        return []
    lines = telling.state_left(record)
    more = [f"- and {len(lines) - 10} more"] if len(lines) > 10 else []
    return ["**State that is left**", "", *(f"- {words(line, 300)}" for line in lines[:10]), *more]


def _next(record: RunRecord) -> list[str]:
    typed = [f"- {one.purpose}: {command(one.line)}" for one in telling.next_commands(record)]
    return ["**What to type next**", "", *typed]


def _steps(record: RunRecord) -> list[str]:
    """The newest rounds in full; an earlier round has no line where all of it was pending."""
    begun = [step for step in record.steps if step.status is not StepStatus.PENDING]
    shown, left = begun[-_TABLE_ROWS:], len(begun) - _TABLE_ROWS
    lines = ["| Step | Took | |", "|---|---|---|", *map(_row, shown)]
    note = [f"{left} earlier steps: `mm-orchestrator show {telling.quoted(record.run_id)}`", ""]
    return [*(note if left > 0 else []), *lines] if shown else []


def _row(step: StepRecord) -> str:
    spent = telling.took(step)
    if step.status is StepStatus.IN_PROGRESS and step.started_at is not None:
        time = f"since{_NO_BREAK}{step.started_at:%H:%M:%S}"
    else:
        time = quantities.seconds(spent).replace(" ", _NO_BREAK) if spent is not None else ""
    number = f"{_NO_BREAK}{step.round}" if step.round > 1 else ""
    name = f"{_SYMBOL[step.status]}{_NO_BREAK}{step.name}{number}"
    return f"| {name}{_GAP} | {time}{_GAP} | {words(step.message, 160)} |"


def _findings(record: RunRecord) -> list[str]:
    findings = record.plan.findings if record.plan else ()
    lines: list[str] = []
    for finding in findings[:4]:
        names = f" {', '.join(words(name, 60) for name in finding.names[:4])}" if finding.names else ""
        target = f" in {words(finding.target, 150)}" if finding.target else ""
        lines.append(f"- {finding.kind.replace('_', ' ')}{names}{target} (rule {code(finding.rule, 80)})")
        if finding.quotes:
            quote = finding.quotes[0]
            lines.append(f"- shown by {words(quote.source, 80)}, line {quote.line}: {code(quote.text, 300)}")
    more = [f"- and {len(findings) - 4} more"] if len(findings) > 4 else []
    return ["**Cause**", "", *lines, *more] if lines else []


def _diff(record: RunRecord) -> list[str]:
    plan = record.plan
    if plan is None or not plan.diff:
        return []
    return ["**Change**", "", *fence(plan.diff, "diff", _DIFF_BYTES)]


def _attempts(record: RunRecord) -> list[str]:
    if not record.approvals:
        return []
    lines = []
    for attempt in record.approvals[-5:]:
        who = words(attempt.approver or "somebody", 100)
        why = f": {words(attempt.message, 200)}" if attempt.verdict is not Verdict.APPROVED else ""
        lines.append(f"- {attempt.verdict} {telling.when(attempt.at)} by {who}{why}")
    return ["**Decisions**", "", *lines]


def _artifacts(record: RunRecord) -> list[str]:
    by_name = {artifact.name: artifact for artifact in record.artifacts}
    ordered = [name for name in _FIRST_LINKS if name in by_name]
    ordered += [name for name in by_name if name not in ordered]
    lines: list[str] = []
    for name in ordered:
        line = f"- {link(name, by_name[name].link or by_name[name].uri)}"
        if sum(map(len, lines)) + len(line) > 4096:
            lines.append(f"- and {len(ordered) - len(lines)} more: `mm-orchestrator artifacts`")
            break
        lines.append(line)
    return ["**Evidence**", "", *lines] if lines else []


def _warnings(record: RunRecord) -> list[str]:
    shown = record.warnings[-5:]
    return ["**Warnings**", "", *(f"- {words(warning, 250)}" for warning in shown)] if shown else []
