"""``BENCHMARKS.md`` from the results, wholly: no number in it is typed by hand."""

from __future__ import annotations

from tests.bench.figures import Compared, Figure, Part, Results, Samples

_OF_A_PART = ("mm-orchestrator", "load before")
"""What each part's line tells of the machine."""
_WIDTH = 720
_LEFT, _ROW, _PLOT = 260, 22, 360


def markdown(results: Results) -> str:
    """The whole file."""
    lines = [
        "# Benchmarks", "",
        "Rendered from [results.json](docs/benchmarks/results.json), which `make bench` and",
        "`make bench-quick` fill. Each figure is measured beside its baseline, in turn, in the same run.",
        "Medians; in brackets the smallest and the largest sample.", "",
        "| Figure | Ours | Baseline | Result | Goal | |", "|---|---|---|---|---|---|",
        *(_row(figure) for figure in results.figures), "",
    ]  # fmt: skip
    for figure in results.figures:
        if figure.note:
            lines += [f"- **{figure.name}**: {figure.note}"]
    lines += ["", "![Ours beside the baselines](docs/benchmarks/results.svg)", ""]
    lines += [
        "## Measured", "",
        "| Benchmark | By | On | Of | Load before | Not run |", "|---|---|---|---|---|---|",
        *map(_measured, results.parts), "",
    ]  # fmt: skip
    machines = {tuple(told for told in part.machine.items() if told[0] not in _OF_A_PART): part.name
                for part in results.parts}  # fmt: skip
    for machine, last in machines.items():
        about = "On" if len(machines) == 1 else f"On, up to {last}"
        lines += [f"{about}: {'; '.join(f'{what} {told}' for what, told in machine)}.", ""]
    return "\n".join(lines)


def _measured(part: Part) -> str:
    by = "`make bench-quick`" if part.quick else "`make bench`"
    ours, load = (part.machine.get(what, "") for what in _OF_A_PART)
    return f"| {part.name} | {by} | {part.date} | {ours} | {load} | {_cell(part.not_run)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _row(figure: Figure) -> str:
    bases = "<br>".join(f"{base.what}: {_samples(base, figure.unit)}" for base in figure.baselines) or "-"
    word = {True: "reached", False: "**not reached**", None: ""}[figure.reached]
    return (
        f"| {figure.name} | {_samples(figure.ours, figure.unit)} | {bases} | {_result(figure)} "
        f"| {_goal(figure)} | {word} |"
    )


def _samples(samples: Samples, unit: str) -> str:
    low, high = samples.spread
    told = f"{_number(low, '')} to {_number(high, unit)}, n={len(samples.values)}"
    return f"{_number(samples.median, unit)} ({told})"


def _result(figure: Figure) -> str:
    if figure.compared is Compared.RATIO:
        return f"{figure.result:.2f} x"
    word = "" if figure.share == 0.5 else f"p{figure.share * 100:.0f} "
    sign = "+" if figure.compared is Compared.DIFFERENCE and figure.result >= 0 else ""
    return f"{word}{sign}{_number(figure.result, figure.unit)}"


def _goal(figure: Figure) -> str:
    if figure.goal is None:
        return ""
    bound = "at least" if figure.at_least else "at most"
    told = f"{figure.goal:g} x" if figure.compared is Compared.RATIO else _number(figure.goal, figure.unit)
    return f"{bound} {told}"


def _number(value: float, unit: str) -> str:
    digits = 0 if abs(value) >= 1000 or value == int(value) else 1 if abs(value) >= 100 else 3
    return f"{value:.{digits}f}{' ' + unit if unit else ''}"


def svg(results: Results) -> str:
    """Bars: each figure's medians, ours and the baselines, as shares of the longest of them."""
    rows: list[str] = []
    y = 10
    for figure in results.figures:
        rows.append(f'<text x="4" y="{y + 14}" font-weight="bold">{_escaped(figure.name)}</text>')
        y += _ROW
        sides = (figure.ours, *figure.baselines)
        longest = max(side.median for side in sides) or 1
        for number, side in enumerate(sides):
            length = max(1.0, side.median / longest * _PLOT)
            rows.append(f'<text x="16" y="{y + 13}">{_escaped(side.what)}</text>')
            kind = "ours" if number == 0 else "base"
            rows.append(f'<rect class="{kind}" x="{_LEFT}" y="{y + 2}" width="{length:.1f}" height="14"/>')
            told = _number(side.median, figure.unit)
            rows.append(f'<text x="{_LEFT + length + 6:.1f}" y="{y + 13}">{told}</text>')
            y += _ROW
        y += 8
    style = (
        "text{font:12px sans-serif;fill:#222}.ours{fill:#2a6fdb}.base{fill:#9aa4b2}"
        "@media(prefers-color-scheme:dark){text{fill:#ddd}.ours{fill:#6ea8ff}.base{fill:#6b7480}}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{y}" '
        f'viewBox="0 0 {_WIDTH} {y}" role="img">'
        f"<title>Ours beside the baselines</title><style>{style}</style>{''.join(rows)}</svg>\n"
    )


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
