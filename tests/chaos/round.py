"""One round: runs on all projects at once, each with its case; afterwards nothing may be left anywhere."""

from __future__ import annotations

import asyncio

from temporalio.client import Client

from starter.converter import data_converter
from tests.chaos.case import Round
from tests.chaos.drive import Blow, Runner
from tests.chaos.heal import heal
from tests.chaos.leftovers import living_children
from tests.chaos.outcome import Outcome
from tests.chaos.site import Site
from tests.chaos.world import World

_AT_ONCE = 3


async def play(world: World, drawn: Round) -> list[Outcome]:
    """Carry out every case of a round on its project.

    Raises:
        AssertionError: the test itself could not do its part.
    """
    sites = world.sites[: len(drawn.cases)]
    await make_ready(world, sites)
    temporal = await Client.connect(world.address, data_converter=data_converter)
    client = await world.client()
    blow = Blow() if drawn.shared is not None else None
    runners: dict[str, Runner] = {}
    for number, (site, case) in enumerate(zip(sites, drawn.cases, strict=True)):
        runners[site.name] = Runner(world, site, temporal, client, case, blow, runners, leads=number == 0)
    await asyncio.gather(*(runner.prepare() for runner in runners.values()))
    outcomes = list(await asyncio.gather(*(r.run(drawn.seed, n) for n, r in enumerate(runners.values()))))
    await _look_again(runners, outcomes, blow)
    children = await asyncio.to_thread(living_children, world.root)
    outcomes[0].violations += children
    for runner, outcome in zip(runners.values(), outcomes, strict=True):
        if outcome.violations:
            await heal(world, runner.site, temporal, runner.victim)
    return outcomes


async def make_ready(world: World, sites: tuple[Site, ...]) -> None:
    """The worker serves, and each of these projects is once more what its kind is."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def ready(site: Site) -> None:
        async with gate:
            await asyncio.to_thread(site.make_ready)

    if not world.worker.alive:
        await asyncio.to_thread(world.start_worker)
    await asyncio.gather(*(ready(site) for site in (*sites, world.control)))


async def _look_again(runners: dict[str, Runner], outcomes: list[Outcome], blow: Blow | None) -> None:
    """A late step of a run that has ended changes nothing: what was measured then still holds."""
    for runner, outcome in zip(runners.values(), outcomes, strict=True):
        if outcome.violations or runner.judge is None:
            continue
        later = await runner.judge.again(blow.control if blow else None)
        outcome.violations += [f"later: {line}" for line in later]
