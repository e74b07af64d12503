"""``MoonMind.ArtifactDelivery``: brings a host's spooled evidence to the store once that is back (I6).

The sweep of the host's worker starts it whenever the spool holds something to deliver. It asks a store that
is away again and again, never in a tight loop, and ends when nothing waits any more.
"""

from datetime import timedelta
from typing import Final

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows import ports
    from workflows.models.delivery import DeliverInput, DeliverResult, DeliveryReport, DeliveryState
    from workflows.performing import execute

FIRST_PAUSE: Final = timedelta(seconds=2)
LONGEST_PAUSE: Final = timedelta(seconds=60)
_ROUNDS: Final = 200
"""After so many rounds a successor goes on: a store may be away for weeks."""

_SHOWN: Final = 200
"""Characters of a problem beside a timer in the Web UI."""


@workflow.defn(name="MoonMind.ArtifactDelivery")
class ArtifactDelivery:
    """Delivers what one host has spooled."""

    def __init__(self) -> None:
        self._delivered = 0

    @workflow.run
    async def run(self, state: DeliveryState) -> DeliveryReport:
        """Until nothing waits; a pause after each round that did not bring everything over."""
        self._delivered = state.delivered
        pause = FIRST_PAUSE
        for _ in range(_ROUNDS):
            done = await execute(
                ports.DELIVER, DeliverInput(), queue=state.host_queue, summary="spooled evidence to the store"
            )
            self._delivered += done.delivered
            self._tell(done)
            if done.waiting == 0:
                break
            pause = FIRST_PAUSE if done.delivered else min(2 * pause, LONGEST_PAUSE)
            await workflow.sleep(pause, summary=done.problem[:_SHOWN] or "more waits")
        else:
            workflow.continue_as_new(state.model_copy(update={"delivered": self._delivered}))
        return DeliveryReport(delivered=self._delivered)

    def _tell(self, done: DeliverResult) -> None:
        waits = f"{done.waiting} artifacts wait for the store. {done.problem}".strip()
        said = f"{self._delivered} artifacts delivered."
        workflow.set_current_details(f"{said} {waits}" if done.waiting else said)
