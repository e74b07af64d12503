"""The success criteria and rates of a period on a terminal."""

from collections.abc import Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from starter.rendering.numbers import NO_DATA, counts, measured, percent, percentiles, reduction
from starter.rendering.style import heading, plain, said
from starter.rendering.text import one_line, when
from starter.statistics.model import Criterion, Month, Statistics

_NAMED: Final = 10
"""So many runs and causes; --json and --html have more."""
_WORDS: Final = {
    "SC-001": "patch to verify in 20 min",
    "SC-002": "approved before the first write",
    "SC-003": "evidence within a minute",
    "SC-004": "less typed by hand",
}


def statistics_view(numbers: Statistics) -> RenderableType:
    """Runs, the four criteria, then rates; sections without data say so."""
    of = f" of project {one_line(numbers.project)}" if numbers.project else ""
    return Group(
        said(f"{numbers.runs.total} runs{of}, started {when(numbers.since)} to {when(numbers.until)}"),
        *(said(f"note: {note}", style="yellow") for note in numbers.notes),
        *_section("Runs", _runs(numbers)),
        *_section("Success criteria", [_criteria(numbers.criteria)]),
        *_section("Named runs", _named(numbers.criteria)),
        *_section("Typed by hand, month by month", _months(numbers.months)),
        *_section("Rates", [_rates(numbers)]),
        *_section("Causes", _causes(numbers)),
        *_section("The same cause again", _recurrences(numbers)),
    )


def _section(title: str, parts: Sequence[RenderableType]) -> list[RenderableType]:
    return [Text(), heading(title), *(Padding(part, (0, 0, 0, 2)) for part in parts or [Text("none")])]


def _grid() -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    return table


def _runs(numbers: Statistics) -> list[RenderableType]:
    runs = numbers.runs
    if not runs.total:
        return [Text(f"{NO_DATA}: no run was started in this period")]
    table = _grid()
    table.add_row(Text("ended"), said(counts(runs.by_status)))
    table.add_row(Text("go on"), said(counts(runs.open)))
    missing = sum(runs.without_record.values())
    table.add_row(
        Text("no record"),
        said(f"{missing} ended without a report ({counts(runs.without_record)})" if missing else "0"),
    )
    return [table]


def _criteria(criteria: Sequence[Criterion]) -> RenderableType:
    table = _grid()
    for one in criteria:
        style = {True: "green", False: "bold red", None: "dim"}[one.met]
        table.add_row(Text(one.id), Text.assemble(f"{_WORDS[one.id]}: ", (measured(one), style)))
        if one.spread is not None and one.spread.n:
            table.add_row(Text(), Text(percentiles(one.spread)))
        table.add_row(Text(), Text(f"target {one.target}; {one.rule}", style="dim"))
    return table


def _named(criteria: Sequence[Criterion]) -> list[RenderableType]:
    lines: list[RenderableType] = []
    for one in criteria:
        shown = one.exceptions[:_NAMED]
        lines += [plain(f"{one.id}  {told.run_id}  {one_line(told.why)}") for told in shown]
        more = one.n - one.good - len(shown)
        if more > 0 and shown:
            lines.append(Text(f"{one.id}  and {more} more", style="dim"))
    return lines


def _months(months: Sequence[Month]) -> list[RenderableType]:
    if not months:
        return [Text(NO_DATA)]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("MONTH", "REPAIRS", "TYPED", "BY HAND", "BASELINE"):
        table.add_column(name, no_wrap=True, justify="left" if name == "MONTH" else "right")
    table.add_column("REDUCTION", overflow="fold")
    for month in months:
        table.add_row(
            Text(month.month),
            Text(str(month.recoveries)),
            Text(str(month.typed_commands)),
            Text("-" if month.reported_manual is None else str(month.reported_manual)),
            Text("-" if month.baseline_commands is None else f"{month.baseline_commands:g}"),
            said(reduction(month)),
        )
    return [table]


def _rates(numbers: Statistics) -> RenderableType:
    approvals, rollbacks = numbers.approvals, numbers.rollbacks
    refused = sum(approvals.refused.values())
    table = _grid()
    table.add_row(
        Text("approvals"),
        said(
            f"{approvals.approved} approved, {approvals.rejected} rejected, {refused} refused"
            + (f" ({counts(approvals.refused)})" if refused else "")
        ),
    )
    table.add_row(Text("wait for one"), Text(percentiles(approvals.wait)))
    taken_back = (
        f"{rollbacks.rolled_back} of n={rollbacks.n} that changed something: {percent(rollbacks.rate)}"
    )
    table.add_row(Text("rolled back"), Text(taken_back if rollbacks.n else f"{NO_DATA} (n=0)"))
    table.add_row(
        Text("incomplete"),
        said(", ".join(rollbacks.incomplete[:_NAMED]) or "none", style="red" if rollbacks.incomplete else ""),
    )
    table.add_row(Text("downtime"), Text(percentiles(numbers.downtime)))
    return table


def _causes(numbers: Statistics) -> list[RenderableType]:
    rows = [(cause.count, f"{cause.kind} ({cause.rule})") for cause in numbers.causes[:_NAMED]]
    rows += [(count, f"ended with {code}") for code, count in list(numbers.failures.items())[:_NAMED]]
    return _counted(rows)


def _recurrences(numbers: Statistics) -> list[RenderableType]:
    return _counted(
        [
            (
                one.count,
                f"{one.project}/{one.service}: {one.kind} {', '.join(one.names)}; newest: {one.run_ids[0]}",
            )
            for one in numbers.recurrences[:_NAMED]
        ]
    )


def _counted(rows: Sequence[tuple[int, str]]) -> list[RenderableType]:
    if not rows:
        return []
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, justify="right")
    table.add_column(overflow="fold", ratio=1)
    for count, words in rows:
        table.add_row(Text(str(count)), said(words))
    return [table]
