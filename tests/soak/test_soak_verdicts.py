"""Each rule sees its own leak, and nothing else does; stretches add up."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reliability import endurance
from tests.reliability.machine import Machine
from tests.soak.results import Stretch, add, read
from tests.soak.sample import Sample
from tests.soak.story import FAULTY, Story, draw_round
from tests.soak.verdicts import CLEANED, HELD, RETURNS, TOLERANCES, judged, leaks

FLAT = dict.fromkeys(RETURNS, 5.0) | dict.fromkeys(TOLERANCES, 50.0) | {
    HELD: 3.0, "holding_runs": 9.0, "journals_entries": 40.0, "artifacts_files": 40.0,
    "plans_files": 40.0,
}  # fmt: skip
AFTER_CLEAN = FLAT | {"journals_entries": 9.0, "artifacts_files": 0.0, "plans_files": 0.0}
PROTECTED = (True, False)


def samples(rises: dict[str, float] | None = None, lives: int = 1) -> list[Sample]:
    """Forty looks of a flat stretch, but for what rises by so much at each look."""
    return [
        Sample(runs=6 * n, seconds=20.0 * n, life=n * lives // 40,
               numbers=FLAT | {name: FLAT[name] + by * n for name, by in (rises or {}).items()})
        for n in range(40)
    ]  # fmt: skip


def cleaned(**left: float) -> Sample:
    """The look after `clean`."""
    return Sample(runs=240, seconds=800, life=0, numbers=AFTER_CLEAN | left)


def stretch(seed: int, **more: object) -> Stretch:
    """A stretch that ended well, but for what is said."""
    machine = Machine(processor="p", cores=2, memory_gib=4, kernel="6", versions={})
    found = judged(samples(), cleaned())
    known = {
        "seed": seed, "date": "2026-01-01", "machine": machine, "minutes": 30.2, "rounds": 40, "runs": 240,
        "outcomes": ["success succeeded 200", "retry rolled_back 40"], "faults": {"cancel": 3}, "lives": 1,
        "series": found,
    }  # fmt: skip
    return Stretch.model_validate(known | more)


def test_a_flat_stretch_has_no_leak() -> None:
    """Also where the worker was killed twice."""
    assert leaks(judged(samples(), cleaned())) == []
    assert leaks(judged(samples(lives=2), cleaned())) == []


@pytest.mark.parametrize("series", [*TOLERANCES, *RETURNS, HELD])
def test_what_rises_is_a_leak(series: str) -> None:
    """Alone, by name."""
    by = TOLERANCES.get(series, 1.0)  # at each look: sixteen times what is tolerated per hundred runs
    assert [line.split(":")[0] for line in leaks(judged(samples({series: by}), cleaned()))] == [series]


def test_a_leak_within_one_life_is_seen_beside_a_longer_flat_one() -> None:
    """The life that leaks tells, not the longest."""
    seen = samples()
    for n, one in enumerate(seen):
        one.life = int(n >= 22)
        one.numbers["worker_rss_mib"] += (n - 22) * one.life
    assert [line.split(":")[0] for line in leaks(judged(seen, cleaned()))] == ["worker_rss_mib"]


@pytest.mark.parametrize("series", CLEANED)
def test_what_clean_leaves_is_a_leak(series: str) -> None:
    """But the journals of runs that hold an image."""
    left = {series: AFTER_CLEAN[series] + 1}
    assert [line.split(":")[0] for line in leaks(judged(samples(), cleaned(**left)))] == [series]


def test_stretches_add_up_and_are_told(tmp_path: Path) -> None:
    """Minutes, runs and every finding; the samples stay out of the figures."""
    first = stretch(1, samples=samples())
    add(first, tmp_path / "soak.json", tmp_path / "place")
    assert read(tmp_path / "soak.json").stretches[0].samples == []
    add(stretch(2, leaks=["tags: 1 to 2"]), tmp_path / "soak.json", tmp_path / "place")
    text = endurance.section(tmp_path)
    assert "**60.4 minutes** in 2 stretches, 480 runs, 6 faults struck" in text
    assert "runs that went wrong: **0**, leaks: **1**" in text
    assert "| success | succeeded | 400 |" in text
    assert "- seed 2: leak: tags: 1 to 2" in text
    assert len((tmp_path / "place" / "stretches.jsonl").read_text().splitlines()) == 2


def test_a_seed_is_one_stretch_and_all_kinds_come() -> None:
    """The same rounds each time; faults in about one round of eight."""
    assert draw_round(3, 7, PROTECTED) == draw_round(3, 7, PROTECTED)
    rounds = [draw_round(1, number, PROTECTED) for number in range(400)]
    assert {telling.story for one in rounds for telling in one.tellings} == set(Story)
    faulty = sum(one.chaos_seed is not None for one in rounds) / len(rounds)
    assert abs(faulty - FAULTY) < 0.05
