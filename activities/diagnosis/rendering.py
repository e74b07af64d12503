"""``analyze.log``: what was looked at, what the rules found, and the lines that prove it."""

from collections.abc import Iterator, Sequence

from activities.diagnosis.evidence import SourceText
from workflows.models.finding import Finding
from workflows.ports import AnalyzeResult

_TAIL_LINES = 400


def render_analysis(service: str, sources: Sequence[SourceText], result: AnalyzeResult) -> str:
    """Plain text for operators; the sources are masked already."""
    return "\n".join(_lines(service, sources, result)) + "\n"


def _lines(service: str, sources: Sequence[SourceText], result: AnalyzeResult) -> Iterator[str]:
    yield f"service: {service}"
    yield f"verdict: {_verdict(result)}"
    yield f"reason:  {result.reason}"
    yield from (f"note:    {warning}" for warning in result.warnings)
    for number, finding in enumerate(result.findings, 1):
        yield ""
        yield from _finding(number, finding)
    for source in sources:
        lines = source.text.splitlines()
        cut = max(0, len(lines) - _TAIL_LINES)
        yield ""
        yield f"--- {source.name} ({len(lines)} lines{f', the last {_TAIL_LINES} follow' if cut else ''})"
        yield from lines[cut:]


def _verdict(result: AnalyzeResult) -> str:
    if result.healthy:
        return "nothing to repair"
    return f"{len(result.findings)} finding(s)" if result.findings else "no safe fix"


def _finding(number: int, finding: Finding) -> Iterator[str]:
    what = " ".join(finding.names) + (f" {finding.version}" if finding.version else "")
    yield f"finding {number}: {finding.kind} {what}".rstrip()
    yield f"  rule {finding.rule}, by {finding.origin}, target {finding.target or '-'}"
    yield f"  {finding.reason}"
    yield from (f"  doubt: {doubt}" for doubt in finding.doubts)
    yield from (f"  consulted: {asked}" for asked in finding.consulted)
    for quote in finding.quotes:
        yield f"  > {quote.source}:{quote.line}: {quote.text}"
