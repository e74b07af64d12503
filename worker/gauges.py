"""What stands and waits on a host right now, told every quarter of a minute (SPEC FR-012)."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from temporalio.client import Client
from temporalio.service import RPCError

from activities.adapters import series
from activities.adapters.journal import Journal
from activities.adapters.measuring import Metrics
from activities.adapters.outbox import waiting_files
from workflows.errors import OrchestratorError

TOLD_EVERY_SECONDS: Final = 15.0
_WAITING: Final = (
    "WorkflowType = 'MoonMind.OrchestratorRun' AND ExecutionStatus = 'Running' "
    "AND mm_state = 'awaiting_external'"
)

_log = logging.getLogger("mm_orchestrator.gauges")


@dataclass
class Gauges:
    """The gauges of one worker.

    Attributes:
        metrics: where they are told.
        host: the Docker host that is served.
        client: counts the runs that wait for an approval.
        state_dir: holds evidence and notifications that wait.
        unsettled: reads the journals that await their end; blocking.
    """

    metrics: Metrics
    host: str
    client: Client
    state_dir: Path
    unsettled: Callable[[], tuple[Journal, ...]]

    async def forever(self) -> None:
        """Tell at once, then every now and then; at the end, that the worker is gone."""
        try:
            while True:
                try:
                    await self.once()
                except Exception as error:  # noqa: BLE001 - a loop beside the runs must not end them
                    _log.warning("gauges could not be told: %s", type(error).__name__)
                await asyncio.sleep(TOLD_EVERY_SECONDS)
        finally:
            self.metrics.gauge(series.WORKER_UP, 0, self.host)

    async def once(self) -> None:
        """Tell what can be found out; what cannot is left out, so that its last value grows old."""
        self.metrics.gauge(series.WORKER_UP, 1, self.host)
        for what, measure in (
            (series.EVIDENCE_SPOOLED, lambda: _files(self.state_dir / "spool")),
            (series.NOTIFICATIONS_WAITING, lambda: len(waiting_files(self.state_dir / "outbox"))),
            (series.JOURNALS_OPEN, lambda: len(self.unsettled())),
        ):
            with suppress(OSError, OrchestratorError):
                self.metrics.gauge(what, await asyncio.to_thread(measure), self.host)
        try:
            waiting = await self.client.count_workflows(_WAITING)
        except RPCError as error:  # away, or MoonMind's attributes are not registered there
            _log.debug("runs that wait could not be counted: %s", error.status.name)
        else:
            self.metrics.gauge(series.APPROVALS_WAITING, waiting.count)


def _files(folder: Path) -> int:
    return sum(path.is_file() and not path.name.startswith(".") for path in folder.rglob("*"))
