"""The numbers of a period as one self-contained page with plots, light and dark."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from starter.rendering.numbers import NO_DATA, counts, measured, percent, percentiles, reduction
from starter.rendering.svg import Bar, bars
from starter.rendering.text import clean, when
from starter.statistics.criteria import REPAIR_SECONDS
from starter.statistics.model import Criterion, Statistics

_STYLE: Final = """
:root{color-scheme:light dark;--ink:#1b1f24;--paper:#fff;--faint:#6b7280;--rule:#d1d5db;--good:#1a7f4b;
--bad:#b42318;--warn:#b7791f;--info:#2563a8;--rest:#8b95a1}
@media(prefers-color-scheme:dark){:root{--ink:#e6e8eb;--paper:#14171b;--faint:#9aa3ad;--rule:#373d44;
--good:#4cc38a;--bad:#ff6b5e;--warn:#e3b341;--info:#6cb0f0;--rest:#6e7781}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);margin:0 auto;
max-width:60rem;padding:1rem}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid var(--rule);vertical-align:top}
td{overflow-wrap:break-word;min-width:4rem}td:first-child,th{white-space:nowrap}figure{margin:1rem 0}
.rule,.note{color:var(--faint);font-size:.85rem}.met{color:var(--good);font-weight:600}
.missed{color:var(--bad);font-weight:600}.wide{overflow-x:auto}code{overflow-wrap:anywhere;font-size:.85rem}
svg{width:100%;height:auto;max-width:46rem}svg text{font-size:14px;fill:var(--faint)}.tick{text-anchor:middle}
.scale{text-anchor:end}.axis{stroke:var(--rule);fill:none}.limit{stroke:var(--bad);stroke-dasharray:5 4;
fill:none;stroke-width:2}.mark{stroke:var(--ink);stroke-width:2;fill:none}
.succeeded,.repairs{fill:var(--good)}.rolled_back{fill:var(--warn)}.failed,.hand{fill:var(--bad)}
.typed,.planned{fill:var(--info)}.rejected,.cancelled{fill:var(--rest)}
"""
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_STATUSES: Final = ("succeeded", "planned", "rolled_back", "rejected", "cancelled", "failed")
_LIMIT_NOTE: Final = "The dashed line is SC-001's limit of 20 minutes."
_DAYS_NOTE: Final = "From the bottom up: succeeded, planned, rolled back, rejected, cancelled, failed."
_MONTHS_NOTE: Final = "Typed for the orchestrator, reported by hand above it; the line is the baseline."


def statistics_page(numbers: Statistics) -> str:
    """The page; everything in it is escaped, nothing is fetched."""
    of = f" of project {_safe(numbers.project)}" if numbers.project else ""
    period = f"{when(numbers.since)} to {when(numbers.until)}"
    body = "".join(
        (
            f"<h1>{numbers.runs.total} repair runs{of}</h1>",
            f"<p>Started {period}; made {when(numbers.made_at)}.</p>",
            *(f'<p class="note">{_safe(note)}</p>' for note in numbers.notes),
            "<h2>Success criteria</h2>",
            _table(("", "measured", "spread"), [_criterion(one) for one in numbers.criteria]),
            _runs(numbers),
            _repairs(numbers),
            _months(numbers),
            _rates(numbers),
            _causes(numbers),
            _named(numbers.criteria),
        )
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>Repair runs {period}</title><style>{_STYLE}</style></head><body>{body}</body></html>\n"
    )


def _criterion(one: Criterion) -> tuple[str, str, str]:
    kind = {True: "met", False: "missed", None: "note"}[one.met]
    rule = f'<div class="rule">target {_safe(one.target)}; {_safe(one.rule)}</div>'
    measure = f'<span class="{kind}">{_safe(measured(one))}</span>{rule}'
    return one.id, measure, _safe(percentiles(one.spread)) if one.spread is not None else ""


def _runs(numbers: Statistics) -> str:
    runs = numbers.runs
    rows = [("ended", counts(runs.by_status)), ("go on", counts(runs.open))]
    rows.append(("without a report", counts(runs.without_record)))
    days = [
        Bar(day.day[5:], {name: day.by_status.get(name, 0) for name in _STATUSES}) for day in numbers.days
    ]
    return f"<h2>Runs</h2>{_facts(rows)}{_plot('Ended runs of each day', days, _DAYS_NOTE)}"


def _repairs(numbers: Statistics) -> str:
    data = [Bar(_from(one.from_seconds), {"repairs": one.count}) for one in numbers.repair_bins]
    starts = [one.from_seconds for one in numbers.repair_bins]
    limit = starts.index(REPAIR_SECONDS) if REPAIR_SECONDS in starts else None
    return "<h2>From patch to verify</h2>" + _plot("Repairs by duration", data, _LIMIT_NOTE, limit)


def _from(start: float) -> str:
    """Where a bin begins, short enough for a tick: the bins begin at whole seconds or minutes."""
    return f"{start:g} s" if start < 60 else f"{start / 60:g} min"


def _months(numbers: Statistics) -> str:
    rows = [
        (
            month.month,
            str(month.recoveries),
            str(month.typed_commands),
            "-" if month.reported_manual is None else str(month.reported_manual),
            "-" if month.baseline_commands is None else f"{month.baseline_commands:g}",
            _safe(reduction(month)),
        )
        for month in numbers.months
    ]
    data = [
        Bar(
            month.month,
            {"typed": month.typed_commands, "hand": month.reported_manual or 0},
            month.baseline_commands,
        )
        for month in numbers.months
    ]
    heads = ("month", "repairs", "typed", "by hand", "baseline", "reduction")
    plot = _plot("Commands of each month", data, _MONTHS_NOTE)
    return f"<h2>Typed by hand</h2>{_table(heads, rows)}{plot}"


def _rates(numbers: Statistics) -> str:
    approvals, rollbacks = numbers.approvals, numbers.rollbacks
    return "<h2>Rates</h2>" + _facts(
        [
            ("approvals", f"{approvals.approved} approved, {approvals.rejected} rejected"),
            ("refused attempts", counts(approvals.refused)),
            ("wait for an approval", percentiles(approvals.wait)),
            ("rolled back", f"{percent(rollbacks.rate)} ({rollbacks.rolled_back} of n={rollbacks.n})"),
            ("rollbacks incomplete", ", ".join(rollbacks.incomplete) or "none"),
            ("downtime", percentiles(numbers.downtime)),
        ]
    )


def _causes(numbers: Statistics) -> str:
    rows = [(str(one.count), _safe(one.kind), _safe(one.rule)) for one in numbers.causes]
    rows += [(str(count), "ended with", _safe(code)) for code, count in numbers.failures.items()]
    again = [
        (
            str(one.count),
            _safe(f"{one.project}/{one.service}"),
            _safe(f"{one.kind} {', '.join(one.names)}"),
            _codes(one.run_ids),
        )
        for one in numbers.recurrences
    ]
    return (
        f"<h2>Causes</h2>{_table(('runs', 'kind', 'rule'), rows)}"
        f"<h2>The same cause again</h2>{_table(('times', 'service', 'cause', 'newest runs'), again)}"
    )


def _named(criteria: Sequence[Criterion]) -> str:
    rows = [(one.id, _codes((told.run_id,)), _safe(told.why)) for one in criteria for told in one.exceptions]
    return f"<h2>Named runs</h2>{_table(('criterion', 'run', 'why'), rows)}"


def _plot(title: str, data: Sequence[Bar], note: str, limit: int | None = None) -> str:
    if not data:
        return f'<p class="note">{NO_DATA}</p>'
    return f'<figure>{bars(title, data, limit)}<figcaption class="note">{note}</figcaption></figure>'


def _facts(rows: Iterable[tuple[str, str]]) -> str:
    return _table((), [(_safe(name), _safe(value)) for name, value in rows])


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells are markup already."""
    if not rows:
        return f'<p class="note">{NO_DATA}</p>'
    top = f"<tr>{''.join(f'<th>{escape(head)}</th>' for head in heads)}</tr>" if heads else ""
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="wide"><table>{top}{body}</table></div>'


def _codes(run_ids: Iterable[str]) -> str:
    return " ".join(f"<code>{_safe(run_id)}</code>" for run_id in run_ids)


def _safe(text: str | None) -> str:
    return escape(clean(text or ""))
