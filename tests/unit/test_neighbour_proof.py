"""Which dry run a proof rests on: after a restart of the daemon no early one (I3)."""

from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from activities.adapters.neighbour_proof import NeighbourProver
from tests.unit.state_samples import journal


@dataclass
class Daemon:
    """A daemon without a container, whose event log begins with its start; and Compose beside it."""

    mark: str
    asked: list[str] = field(default_factory=list)

    async def daemon_mark(self) -> str:
        """Another one after each start."""
        return self.mark

    async def containers(self, _project: str) -> tuple[()]:
        """None."""
        return ()

    neighbours = containers

    async def past_events(self, *_: object) -> tuple[()]:
        """A new daemon knows of nothing, whatever happened before it."""
        return ()

    async def dry_run_changes(self, _project: str, containers: Awaitable[object]) -> frozenset[str]:
        """What a plain ``up`` would change now."""
        await containers
        self.asked.append("dry run")
        return frozenset({"db"})

    async def answer(self) -> frozenset[str]:
        """The early answer, from before whatever happened."""
        return frozenset()


@pytest.mark.parametrize(("mark", "new"), [("first", ()), ("second", ("db",))], ids=["same", "restarted"])
async def test_an_early_dry_run_does_not_outlive_its_daemon(mark: str, new: tuple[str, ...]) -> None:
    """Its successor's empty event log says nothing of what was before."""
    daemon = Daemon(mark)
    before = journal(Path("/srv/shop")).model_copy(update={"daemon_mark": "first", "neighbours": ()})

    proof = await NeighbourProver(daemon, daemon).prove(before, daemon)  # type: ignore[arg-type]

    assert proof.dry_run_new == new
    assert daemon.asked == ["dry run"] * len(new)
