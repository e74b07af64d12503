"""The answer of ``diagnose`` for a reader: cause, proof, what would change, why, and what was asked."""

from collections.abc import Iterator

from rich.text import Text

from starter.rendering.plan import diff_text
from starter.rendering.style import heading, plain, said
from starter.rendering.text import one_line
from worker.diagnosing import Answer
from workflows.models.finding import Finding

_QUOTE_CHARACTERS = 200


def answer_view(answer: Answer) -> Iterator[Text]:
    """One block per finding, best first, then the diff of all of them."""
    fixes = answer.decision == "fix"
    yield Text("fix" if fixes else "decline", style="bold green" if fixes else "bold yellow")
    yield said(answer.reason)
    for finding in answer.findings:
        yield Text()
        yield from _finding(finding, told=answer.reason)
    if fixes:
        yield Text()
        yield heading("Would change")
        yield diff_text(answer.diff) if answer.diff else Text("no diff: the file is not at hand", style="dim")


def _finding(finding: Finding, told: str) -> Iterator[Text]:
    what = one_line(" ".join((*finding.names, finding.version or "")))
    where = f" in {one_line(finding.target)}" if finding.target else ""
    yield heading(f"{finding.kind} {what}{where}".replace("  ", " "))
    for quote in finding.quotes:
        text = one_line(quote.text, _QUOTE_CHARACTERS)
        yield plain(f"  {one_line(quote.source)}:{quote.line}: {text}")
    if finding.reason and finding.reason != told:
        yield said(f"  why: {finding.reason}")
    for asked in finding.consulted:
        yield said(f"  consulted: {asked}")
    for doubt in finding.doubts:
        yield said(f"  doubt: {doubt}", style="yellow")
    yield Text(f"  rule {finding.rule}, by {finding.origin}", style="dim")
