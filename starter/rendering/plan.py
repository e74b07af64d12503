"""A plan and its diff for a reader who has to decide on it (SPEC FR-002, FR-004)."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from starter.rendering.style import heading, said
from starter.rendering.text import clean, one_line, short_hash
from workflows.models.plan import (
    ActionPlan,
    AnalyzeStep,
    BuildStep,
    GeneratedBy,
    PatchStep,
    PlanStep,
    RestartStep,
    RollbackStep,
    VerifyStep,
)
from workflows.quantities import seconds

_AUTHORS = {
    GeneratedBy.OPERATOR: "operator",
    GeneratedBy.SYSTEM: "system",
    GeneratedBy.LLM: "llm (proposed by a language model, not proven by a rule)",
}
DIFF_LINES = 200
"""How much of a diff a plan shows; the whole is ``mm-orchestrator diff RUN``."""


def plan_view(plan: ActionPlan, *, diff: str | None = None) -> RenderableType:
    """Summary, steps, evidence, warnings, digest and diff of one plan.

    Args:
        plan: the plan.
        diff: the whole diff, where it is at hand; else the plan's own excerpt is shown.
    """
    parts: list[RenderableType] = [
        _facts(plan),
        Text(),
        heading("Steps"),
        _steps(plan.steps),
    ]
    if plan.findings:
        parts += [Text(), heading("Evidence"), *_evidence(plan)]
    if plan.warnings:
        parts += [Text(), heading("Warnings"), *(said(f"- {warning}") for warning in plan.warnings)]
    parts += [Text(), heading("Diff"), diff_text(diff if diff is not None else plan.diff, limit=DIFF_LINES)]
    return Group(*parts)


def _facts(plan: ActionPlan) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    rows = [
        ("Plan", plan.summary),
        ("Service", f"{plan.service} of project {plan.project}"),
        ("Made by", f"{_AUTHORS[plan.generated_by]}, revision {plan.revision}, round {plan.round}"),
        ("Image", plan.image_delta or ""),
        ("Digest", plan.digest),
    ]
    for name, value in rows:
        if value:
            table.add_row(Text(name), said(value))
    return table


def _steps(steps: tuple[PlanStep, ...]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    for number, step in enumerate(steps, start=1):
        table.add_row(Text(f"{number}."), Text(step.name), said(_described(step)))
    return table


def _described(step: PlanStep) -> str:
    match step:
        case AnalyzeStep():
            return "rests on " + (", ".join(step.rules) or "the instruction")
        case PatchStep():
            return "write " + ", ".join(step.files) if step.files else "no file changes"
        case BuildStep():
            return f"build {step.image}" if step.build else f"keep image {step.image}"
        case RestartStep():
            replicas = "1 container" if step.scale == 1 else f"{step.scale} containers"
            return f"replace {replicas} of this service only"
        case VerifyStep():
            checks = [
                "container state",
                *(f"{probe.url} = {probe.status}" for probe in step.verification.http),
            ]
            most = seconds(step.verification.max_wait_seconds)
            stable = seconds(step.verification.stability_window_seconds)
            return f"{', '.join(checks)}; at most {most}, then good for {stable}"
        case RollbackStep():
            image = f" (image {short_hash(step.image_id)})" if step.image_id else ""
            return f"on any failure: {step.strategy}{image}"


def _evidence(plan: ActionPlan) -> list[Text]:
    lines: list[Text] = []
    for finding in plan.findings:
        names = f" {', '.join(finding.names)}" if finding.names else ""
        version = f" {finding.version}" if finding.version else ""
        target = f" in {finding.target}" if finding.target else ""
        lines.append(said(f"- {finding.kind}{names}{version}{target} ({finding.origin}: {finding.rule})"))
        if finding.reason:
            lines.append(Text(f"  {one_line(finding.reason)}"))
        lines += [Text(f"  doubt: {one_line(doubt)}", style="yellow") for doubt in finding.doubts]
        lines += [Text(f"  consulted: {one_line(asked)}", style="dim") for asked in finding.consulted]
        lines += [
            Text(f"  {one_line(quote.source)}:{quote.line}: {one_line(quote.text, 200)}", style="dim")
            for quote in finding.quotes
        ]
    return lines


def diff_text(diff: str, limit: int | None = None) -> Text:
    """A unified diff with added and removed lines coloured; at most ``limit`` lines of it."""
    if not diff.strip():
        return Text("no file changes", style="dim")
    lines = clean(diff).splitlines()
    shown = lines if limit is None else lines[:limit]
    text = Text("\n").join(Text(line, style=_diff_style(line)) for line in shown)
    if len(shown) < len(lines):
        text.append(f"\n… {len(lines) - len(shown)} more lines: mm-orchestrator diff RUN", style="dim")
    return text


def _diff_style(line: str) -> str:
    if line.startswith(("+++", "---", "diff ", "index ")):
        return "bold"
    if line.startswith("+"):
        return "green"
    if line.startswith("-"):
        return "red"
    return "cyan" if line.startswith("@@") else ""
