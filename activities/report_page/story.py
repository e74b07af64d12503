"""What was asked, how it ended, why, and what to do now."""

from typing import Final

from activities.report_page.markup import Child, Html, bullets, facts, join, section, tag, text
from workflows import quantities, telling
from workflows.models.finding import Finding
from workflows.models.plan import GeneratedBy
from workflows.models.record import RunRecord, RunReport
from workflows.models.status import RunStatus

_MOST: Final = 50
_COLOUR: Final = {
    RunStatus.SUCCEEDED: "good-end",
    RunStatus.FAILED: "bad-end",
    RunStatus.ROLLED_BACK: "bad-end",
}
_AUTHOR: Final = {
    GeneratedBy.OPERATOR: "the operator",
    GeneratedBy.SYSTEM: "the rules, from the evidence",
    GeneratedBy.LLM: "a language model; proven by no rule",
}


def outcome(record: RunRecord) -> Html:
    """The head of the page: status in colour and word, one sentence, who asked for what."""
    word = tag(
        "span", record.status.replace("_", " "), class_=f"status {_COLOUR.get(record.status, 'neutral-end')}"
    )
    where = " of project ".join(part for part in (record.service, record.project) if part) or "a service"
    asked = f"Asked by {record.requested_by}" if record.requested_by else "Asked"
    return tag(
        "header",
        tag("p", word, " ", tag("b", where)),
        tag("h1", telling.headline(record)),
        tag("p", f"{asked}, {telling.when(record.created_at)}:"),
        tag("blockquote", tag("p", record.instruction)),
        facts(
            (
                ("Run", tag("code", record.run_id)),
                ("Workflow", tag("code", record.workflow_id)),
                ("Took", _took(record)),
                ("Rounds", str(record.rounds) if record.rounds else None),
            )
        ),
    )


def _took(record: RunRecord) -> str | None:
    if record.completed_at is None:
        return None
    whole = quantities.seconds((record.completed_at - record.created_at).total_seconds())
    down = record.downtime_seconds
    return f"{whole}, of which the service was down {quantities.seconds(down)}" if down is not None else whole


def failure(record: RunRecord) -> Html | None:
    """Why it did not end as hoped, and the remedy."""
    failed = record.failure
    if failed is None:
        return None
    pairs: list[tuple[str, Child]] = [
        ("Code", tag("code", failed.code)),
        ("Step", str(failed.step)),
        ("What happened", failed.message),
        ("What to do", failed.remedy),
        ("Shown by", [[tag("code", name), " "] for name in failed.artifacts[:_MOST]]),
    ]
    return section("failure", "Why it ended so", facts(pairs))


def state(record: RunRecord) -> Html:
    """As measured, and nothing that was not."""
    return section("state", "State that is left", bullets(telling.state_left(record)[:_MOST]))


def cause(record: RunRecord) -> Html | None:
    """Every finding with the lines that prove it."""
    plan = record.plan
    if plan is None or not plan.findings:
        return None
    left = len(plan.findings) - _MOST
    more = tag("p", f"{left} more findings are in plan.json.", class_="note") if left > 0 else None
    return section("cause", "Cause", [_finding(one) for one in plan.findings[:_MOST]], more)


def _finding(finding: Finding) -> Html:
    names = ", ".join(finding.names)
    title = f"{finding.kind.replace('_', ' ')} {names}".strip()
    told = [f"rule {finding.rule}", finding.reason, *finding.consulted[:5]]
    quotes = [
        tag("figure", tag("figcaption", f"{quote.source}, line {quote.line}"),
            tag("pre", tag("code", quote.text), tabindex="0", role="region", aria_label="quoted line"))
        for quote in finding.quotes[:5]
    ]  # fmt: skip
    where = f" in {finding.target}" if finding.target else ""
    doubts = bullets(f"Doubt: {doubt}" for doubt in finding.doubts[:5]) if finding.doubts else None
    return join(
        (tag("h3", f"{title}{where}"), quotes, tag("p", "; ".join(filter(None, told)), class_="note"), doubts)
    )


def plan_facts(record: RunRecord) -> Html | None:
    """What was planned, by whom, and the digest an approval is bound to."""
    plan = record.plan
    if plan is None:
        return None
    return facts(
        (
            ("Plan", plan.summary),
            ("Made by", f"{_AUTHOR[plan.generated_by]}; revision {plan.revision}, round {plan.round}"),
            ("Digest", tag("code", plan.digest)),
            ("Image", plan.image_delta),
        )
    )


def warnings(record: RunRecord) -> Html | None:
    """What an operator should know besides."""
    found = (*record.warnings, *(record.plan.warnings if record.plan else ()))
    unique = tuple(dict.fromkeys(found))
    return section("warnings", "Warnings", bullets(unique[:_MOST])) if unique else None


def next_steps(report: RunReport) -> Html:
    """Commands to type, and the text to commit a repair with."""
    commands = telling.next_commands(report.record)
    lines = [join((text(command.line), Html("\n"))) for command in commands]
    purposes = bullets([tag("code", command.line.split()[1]), f" {command.purpose}"] for command in commands)
    box = tag("pre", tag("code", lines), tabindex="0", role="region", aria_label="commands")
    commit = report.commit_message
    suggested = (
        (tag("h3", "Suggested commit"), tag("pre", tag("code", commit), tabindex="0", role="region",
                                            aria_label="suggested commit message"))
        if commit else None
    )  # fmt: skip
    return section("next", "What to type next", box, purposes, suggested)
