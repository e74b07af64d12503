"""A short stretch on real parts: each story ends as it should, nothing is left, what is planted is found."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.chaos.stack import BASE
from tests.chaos.world import World, world
from tests.soak.stretch import Soaking

pytestmark = pytest.mark.timeout(600)

SEED = 3
ROUNDS = 2
"""Of this seed: neither is one of the campaign's, which has its own tests."""


@pytest.fixture(scope="module")
def running() -> Iterator[World]:
    """One world for both stretches: a guarded project and an open one."""
    with world(2) as made:
        yield made


def test_a_short_stretch_leaves_nothing(running: World) -> None:
    """Each run as its story has it, everything given back, and `clean` takes what grew by design."""
    left = iter(range(ROUNDS - 1))
    seen = asyncio.run(Soaking(running, SEED, frozenset()).soak(lambda: next(left, None) is not None))
    assert seen.wrong == []
    assert seen.leaks == []
    assert seen.rounds == ROUNDS
    assert seen.runs >= 2 * ROUNDS
    assert all(one.numbers["worker_rss_mib"] > 1 for one in seen.samples)
    grown = {row.series: row.first for row in seen.series if row.rule.startswith("after `clean`")}
    assert grown["journals_entries"] > 0
    assert grown["artifacts_files"] > 0


def test_what_is_planted_is_found(running: World) -> None:
    """A tag, a container, a network and a temporary file that nobody gives back; each by name."""

    rounds: list[str] = []

    def plant_then_one_more() -> bool:
        if rounds:
            return False
        rounds.append("planted")
        running.engine.images.get(BASE).tag("planted", "leak")
        running.engine.containers.create("planted:leak", name="planted")
        running.engine.networks.create("planted")
        (running.temporary / "planted").write_text("left")
        return True

    soaking = Soaking(running, SEED, frozenset(), patience=15)
    seen = asyncio.run(soaking.soak(plant_then_one_more))
    assert seen.wrong == []
    assert {line.split(":")[0] for line in seen.leaks} == {
        "tags",
        "containers",
        "networks",
        "temporary_files",
    }
