"""What ``clean`` says on a terminal: the same list for a rehearsal and for the real call."""

from collections.abc import Iterator

from worker.clean import CleanReport, Item
from worker.retention import size_text


def clean_lines(report: CleanReport) -> Iterator[str]:
    """A line for everything that goes, then what stays although one might look for it, then the sum."""
    if any(item.kind == "undelivered" for item in report.items):
        yield "warning: evidence that was never delivered goes as well; there is no other copy of it"
    yield from map(_line, report.items)
    yield from (f"kept     {text}" for text in report.kept)
    yield from (f"busy     {text}: somebody works on it right now; call again later" for text in report.busy)
    yield from (f"FAILED   {text}" for text in report.failed)
    total = size_text(sum(item.size_bytes or 0 for item in report.items))
    if not report.items:
        yield "Nothing to remove."
    elif report.dry_run:
        yield f"{len(report.items)} would be removed, up to {total}; the same without --dry-run removes them."
    else:
        yield f"{len(report.items)} removed, up to {total}."


def _line(item: Item) -> str:
    place = f" of {item.project}" if item.project else ""
    return (
        f"{item.kind:<12} {size_text(item.size_bytes):>10}  {item.changed_at:%Y-%m-%d}  "
        f"{item.name}{place} ({item.why})"
    )
