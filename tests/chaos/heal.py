"""After a violation: make the project usable again, so that one finding is not counted as many."""

from __future__ import annotations

from contextlib import suppress

from temporalio.client import Client
from temporalio.service import RPCError

from tests.chaos.site import Site
from tests.chaos.strike import Victim, run_command
from tests.chaos.world import World


async def heal(world: World, site: Site, temporal: Client, victim: Victim | None) -> None:
    """End what still runs, accept what is left, and start the project from its files again."""
    if victim is None:
        return
    for workflow_id in (victim.workflow_id, f"mm.guard:{victim.run_id}"):
        with suppress(RPCError):
            await temporal.get_workflow_handle(workflow_id).terminate("chaos: the campaign goes on")
    await run_command(world, "recover", victim.run_id)
    await run_command(world, "recover", victim.run_id, "--accept-current-state")
    site.start_afresh()
