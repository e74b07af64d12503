"""What a run leaves in Temporal's database, and whether a long build log makes it more."""

from __future__ import annotations

from temporalio.client import Client

from tests.acceptance.stacks import DOCKERFILE
from tests.bench.figures import Compared, Figure, Samples
from tests.bench.workshop import workshop
from workflows.models.record import RunRecord
from workflows.models.status import RunStatus

_EVENTS_GOAL, _KIB_GOAL = 120, 60
_KIB = 1024.0
_QUIET_LINES, _LOUD_LINES = 10, 20_000


async def histories(trials: int) -> tuple[Figure, ...]:
    """One round, with a build that prints a little and one that prints a lot."""
    quiet, loud = await _measured(trials, _QUIET_LINES), await _measured(trials, _LOUD_LINES)
    return (
        Figure(
            name="events of a one-round run", unit="events", compared=Compared.ALONE, goal=_EVENTS_GOAL,
            ours=Samples(what="mm-orchestrator", values=tuple(events for events, _ in quiet)), baselines=(),
        ),
        Figure(
            name="history of a one-round run", unit="KiB", compared=Compared.ALONE, goal=_KIB_GOAL,
            ours=Samples(what="mm-orchestrator", values=tuple(size for _, size in quiet)), baselines=(),
            note="As the server stores it.",
        ),
        Figure(
            name=f"history, build log of {_LOUD_LINES} lines", unit="KiB", compared=Compared.RATIO, goal=1.05,
            ours=Samples(what=f"{_LOUD_LINES} lines", values=tuple(size for _, size in loud)),
            baselines=(Samples(what=f"{_QUIET_LINES} lines", values=tuple(size for _, size in quiet)),),
        ),
    )  # fmt: skip


async def _measured(trials: int, lines: int) -> list[tuple[float, float]]:
    """Events and KiB of so many runs whose build prints so many lines."""
    told = f'RUN python -c "for n in range({lines}): print(n, 60 * chr(46))"\nCOPY . .\n'
    found = []
    async with workshop(dockerfile=DOCKERFILE.replace("COPY . .\n", told)) as shop:
        temporal = await Client.connect(shop.operator.address)
        for _ in range(trials):
            shop.break_it()
            record, _ = await shop.run("repair the missing dependency")
            assert record.status is RunStatus.SUCCEEDED, record.failure
            found.append(await _size(temporal, record))
    return found


async def _size(temporal: Client, record: RunRecord) -> tuple[float, float]:
    handle = temporal.get_workflow_handle(record.workflow_id)
    await handle.result()  # its record is terminal a moment before the workflow is
    history = await handle.fetch_history()
    return float(len(history.events)), sum(event.ByteSize() for event in history.events) / _KIB
