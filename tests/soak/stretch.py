"""One stretch: a world, a worker that lives through it, round after round; then the verdict."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from docker.errors import APIError, ImageNotFound
from temporalio.client import Client

from starter.converter import data_converter
from tests.chaos.case import Fault, draw
from tests.chaos.export import word
from tests.chaos.round import make_ready, play
from tests.chaos.site import Site
from tests.chaos.world import World
from tests.reliability.machine import Machine
from tests.soak.cleaning import clean_later
from tests.soak.drive import Asker, Played
from tests.soak.results import Stretch
from tests.soak.sample import Sample, histories, sample
from tests.soak.story import draw_round
from tests.soak.verdicts import RETURNS, judged, leaks

QUIET_SECONDS = 60.0
"""What ends by itself has ended by then: guards, deliveries, lanes."""


@dataclass
class Soaking:
    """A stretch under way."""

    world: World
    seed: int
    possible: frozenset[Fault]
    patience: float = QUIET_SECONDS
    began: float = field(default_factory=time.monotonic)
    runs: int = 0
    played: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    async def soak(self, goes_on: Callable[[], bool]) -> Stretch:
        """Rounds while it goes on, at least one; then wait until all is quiet, `clean`, and judge."""
        await make_ready(self.world, self.world.sites)
        temporal = await self._temporal()
        await self._look(temporal, [])
        number = 0
        while number == 0 or goes_on():
            number += 1
            played = await self._round(number)
            self.wrong += [f"round {number}: {one.kind}: {line}" for one in played for line in one.wrong]
            await self._settled(temporal)
            await self._look(temporal, [one.workflow_id for one in played if one.workflow_id])
        report = await asyncio.to_thread(clean_later, self.world)
        self.wrong += [f"clean: {line}" for line in (*report.failed, *report.busy)]
        cleaned = await sample(self.world, temporal, self.runs, self._seconds)
        found = judged(self.samples, cleaned)
        return Stretch(
            seed=self.seed, date=datetime.now(UTC).isoformat(timespec="seconds"), machine=Machine.this(),
            minutes=round(self._seconds / 60, 1), rounds=number, runs=self.runs,
            outcomes=[f"{kind} {outcome} {n}" for (kind, outcome), n in sorted(self.played.items())],
            faults=dict(sorted(self.faults.items())), lives=len({one.life for one in self.samples}),
            wrong=self.wrong, leaks=leaks(found), series=found, samples=self.samples,
        )  # fmt: skip

    async def _round(self, number: int) -> list[Played]:
        drawn = draw_round(self.seed, number, tuple(site.protected for site in self.world.sites))
        await _ready(self.world)
        if drawn.chaos_seed is not None:
            played = await self._faulty(drawn.chaos_seed)
        else:
            temporal = await self._temporal()
            client = await self.world.client()
            askers = [Asker(self.world, site, temporal, client) for site in self.world.sites]
            pairs = zip(askers, drawn.tellings, strict=True)
            told = await asyncio.gather(*(asker.play(telling) for asker, telling in pairs))
            played = [one for several in told for one in several]
        self.runs += len(played)
        self.played.update((one.kind, one.outcome) for one in played)
        return played

    async def _faulty(self, seed: int) -> list[Played]:
        """A round of the campaign, judged by its oracle; each fault that hits all counts once."""
        drawn = draw(seed, tuple(site.protected for site in self.world.sites), self.possible)
        outcomes = await play(self.world, drawn)
        self.faults.update([drawn.shared.fault] if drawn.shared else [o.fault for o in outcomes if o.counts])
        return [
            Played(kind="with_a_fault", outcome=word(o), workflow_id="",
                   wrong=[f"{o.fault} at {o.step}, campaign's seed {seed}: {line}" for line in o.violations])
            for o in outcomes
        ]  # fmt: skip

    async def _settled(self, temporal: Client) -> None:
        """Until what must return has returned, or the patience is over; then it is a finding."""
        if not self.samples:
            return
        deadline = time.monotonic() + self.patience
        while time.monotonic() < deadline:
            now = await sample(self.world, temporal, self.runs, self._seconds)
            if all(now.numbers.get(name, 0) <= self.samples[0].numbers.get(name, 0) for name in RETURNS):
                return
            await asyncio.sleep(1)

    async def _look(self, temporal: Client, workflow_ids: list[str]) -> None:
        seen = await sample(self.world, temporal, self.runs, self._seconds)
        seen.numbers |= await histories(temporal, workflow_ids)
        self.samples.append(seen)
        told = ", ".join(
            f"{name} {seen.numbers[name]:g}" for name in ("worker_rss_mib", "worker_descriptors")
        )
        more = [
            f"{n} {seen.numbers[n]:g}"
            for n in RETURNS
            if seen.numbers.get(n, 0) > self.samples[0].numbers.get(n, 0)
        ]
        sys.stdout.write(
            f"{seen.seconds:7.0f} s {self.runs:5} runs: {told} {'MORE: ' + ', '.join(more) if more else ''}\n"
        )
        sys.stdout.flush()

    async def _temporal(self) -> Client:
        return await Client.connect(self.world.address, data_converter=data_converter)

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self.began


async def _ready(world: World) -> None:
    """As the campaign does; an image that the preparation itself replaced is the test's to remove."""
    before = {site.name: _image(site) for site in world.sites}
    await make_ready(world, world.sites)
    for site in world.sites:
        old = before[site.name]
        if old is not None and old != _image(site):
            _remove_untagged(site, old)


def _image(site: Site) -> str | None:
    return site.measure().reference


def _remove_untagged(site: Site, image_id: str) -> None:
    try:
        if not site.engine.images.get(image_id).tags:
            site.engine.images.remove(image_id)
    except (ImageNotFound, APIError):  # gone, or a container holds it
        return
