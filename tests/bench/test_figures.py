"""Medians, ratios and the page made of them; and one benchmark for real, without a word on its speed."""

import asyncio
from pathlib import Path

import pytest

from tests.bench.__main__ import KEPT, PAGE, PLOT, entries, keep
from tests.bench.figures import Compared, Figure, Part, Results, Samples
from tests.bench.rendering import markdown, svg
from tests.bench.startup import help_text


def figure(
    compared: Compared, goal: float | None = None, *, at_least: bool = False, share: float = 0.5
) -> Figure:
    """Three samples each: medians 3 and 2."""
    return Figure(
        name="speed", unit="s", compared=compared, goal=goal, at_least=at_least, share=share,
        ours=Samples(what="ours", values=(3.0, 10.0, 1.0)),
        baselines=(Samples(what="bare", values=(2.0, 2.0, 8.0)),),
    )  # fmt: skip


def part(name: str, figures: tuple[Figure, ...] = (), not_run: str = "") -> Part:
    """One benchmark as it was kept."""
    machine = {"kernel": "6.1", "mm-orchestrator": "0.1.0", "load before": "0.5"}
    return Part(name=name, date="2026-01-01", quick=True, machine=machine, figures=figures, not_run=not_run)


@pytest.mark.parametrize(
    ("compared", "result"), [(Compared.RATIO, 1.5), (Compared.DIFFERENCE, 1.0), (Compared.ALONE, 3.0)]
)
def test_two_medians_become_one_number(compared: Compared, result: float) -> None:
    """One slow trial on either side does not move it."""
    assert figure(compared).result == result


@pytest.mark.parametrize(("share", "result"), [(0.95, 10.0), (0.5, 3.0), (0.3, 1.0)])
def test_a_quantile_is_a_sample_that_was_measured(share: float, result: float) -> None:
    """Nothing is interpolated: p95 of three samples is the slowest."""
    assert figure(Compared.ALONE, share=share).result == result


@pytest.mark.parametrize(
    ("goal", "at_least", "reached"),
    [(1.5, False, True), (1.4, False, False), (1.5, True, True), (1.6, True, False), (None, False, None)],
)
def test_a_goal_is_a_bound_from_above_or_below(
    goal: float | None, *, at_least: bool, reached: bool | None
) -> None:
    """On the very bound it is reached."""
    assert figure(Compared.RATIO, goal, at_least=at_least).reached is reached


def test_the_page_says_what_was_not_reached_and_what_was_not_run() -> None:
    """In words, with samples, spread and number of trials."""
    measured = (figure(Compared.RATIO, 1.2), figure(Compared.DIFFERENCE, 1.0))
    results = Results(parts=(part("overhead", figures=measured), part("lag", not_run="no route")))
    page = markdown(results)
    sides = "| speed | 3 s (1 to 10 s, n=3) | bare: 2 s (2 to 8 s, n=3) |"
    assert f"{sides} 1.50 x | at most 1.2 x | **not reached** |" in page
    assert "+1 s | at most 1 s | reached |" in page
    assert "| lag | `make bench-quick` | 2026-01-01 | 0.1.0 | 0.5 | no route |" in page
    assert page.count("kernel 6.1") == 1
    assert svg(results).count("<rect") == 4


def test_a_part_takes_its_own_place_alone(tmp_path: Path) -> None:
    """What was measured before stays, in the table's order; so the long ones can be measured one by one."""
    kept = tmp_path / "results.json"
    keep(kept, part("lag"))
    keep(kept, part("overhead", figures=(figure(Compared.RATIO),)))
    keep(kept, part("lag", not_run="no route"))
    keep(kept, part("no benchmark any more"))
    results = Results.model_validate_json(kept.read_text())
    assert [one.name for one in results.parts] == ["overhead", "lag"]
    assert [one.not_run for one in results.parts] == ["", "no route"]
    assert results.figures == (figure(Compared.RATIO),)


def test_the_kept_page_is_the_rendering_of_the_kept_results() -> None:
    """No number in it is typed by hand."""
    results = Results.model_validate_json(KEPT.read_text())
    assert PAGE.read_text() == markdown(results)
    assert PLOT.read_text() == svg(results)
    assert Path("docs/benchmarks/results.json").as_posix() in PAGE.read_text()


def test_quick_and_full_measure_the_same_things() -> None:
    """With at least five trials each."""
    quick, full = entries(quick=True), entries(quick=False)
    assert [one.name for one in quick] == [one.name for one in full]
    assert all(5 <= one.quick <= one.full for one in full)


def test_a_benchmark_measures_every_side_in_turn() -> None:
    """As many samples of ours as of each baseline, all of them real."""
    (measured,) = asyncio.run(help_text(2))
    sides = (measured.ours, *measured.baselines)
    assert [side.what for side in sides] == [
        "mm-orchestrator --help",
        "python -c pass",
        "docker compose version",
    ]
    assert all(len(side.values) == 2 and min(side.values) > 0 for side in sides)
