"""Fifty runs at once on one project, four more projects beside it: one writer each, and all end (I7)."""

import asyncio
import itertools
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest
from temporalio.client import Client

from starter.client import OrchestratorClient
from tests.acceptance.operator import Operator
from tests.acceptance.stacks import IDLE_LINE, compose_file, image_block, policy
from tests.conftest import ComposeFactory
from tests.sandbox import ComposeSandbox
from workflows.models.record import RunRecord
from workflows.models.request import RunRequest
from workflows.models.status import RunStatus, StepName

MANY, FEW, PROJECTS = 50, 2, 5
ALL_SECONDS = 1500
pytestmark = pytest.mark.timeout(ALL_SECONDS + 120)


@dataclass
class Observer:
    """Looks at the journals all the time: an open one is a run that may change its project."""

    journals: Path
    most: Counter[str] = field(default_factory=Counter)
    """Project -> the most journals that were ever open at the same time."""
    writers: dict[str, list[str]] = field(default_factory=dict)
    """Project -> the runs that were seen writing, in order."""
    _over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def looking(self) -> Iterator["Observer"]:
        """While the body runs."""
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            thread.join()

    def _watch(self) -> None:
        settled: set[Path] = set()
        while not self._over.wait(0.05):
            now: Counter[str] = Counter()
            for path in set(self.journals.glob("*/journal.json")) - settled:
                journal = json.loads(path.read_text())
                if "never_opened" in journal:
                    settled.add(path)
                    continue
                project = journal["target"]["project"]["name"]
                seen = self.writers.setdefault(project, [])
                if journal["run_id"] not in seen:
                    seen.append(journal["run_id"])  # also of a run that was too quick to be seen at it
                if journal["settled"] is not None:
                    settled.add(path)
                    continue
                now[project] += 1
            self.most |= now


def writing(record: RunRecord) -> tuple[datetime, datetime]:
    """From the beginning of the first step that may change something to the end of the run."""
    began = min(s.started_at for s in record.steps if s.name is StepName.PATCH and s.started_at)
    assert record.completed_at is not None
    return began, record.completed_at


def only_one_at_a_time(records: list[RunRecord]) -> None:
    """No two runs of a project overlap."""
    spans = sorted(writing(record) for record in records)
    for (_, ended), (began, _) in itertools.pairwise(spans):
        assert ended <= began, f"one wrote until {ended}, the next from {began}"


async def run_all(operator: Operator, wanted: dict[str, int]) -> dict[str, list[RunRecord]]:
    """Start all of them in the same moment; return when every one has ended."""
    client = await OrchestratorClient.connect(operator.address, state_dir=operator.state)
    temporal = await Client.connect(operator.address)

    async def one(project: str) -> RunRecord:
        request = RunRequest(instruction="restart api", service="api", project=project, requested_by="olga")
        handle = await client.start(request)
        await temporal.get_workflow_handle(handle.workflow_id).result()
        return await client.get(handle)

    async with asyncio.timeout(ALL_SECONDS):
        names = [name for name, number in wanted.items() for _ in range(number)]
        records = await asyncio.gather(*(one(name) for name in names))
    return {name: [r for r in records if r.project == name] for name in wanted}


def small_shop(make: ComposeFactory) -> ComposeSandbox:
    """A service that is restarted in a moment, and a neighbour."""
    api, store = image_block("api", IDLE_LINE), image_block("store", IDLE_LINE)
    shop = make({"compose.yaml": compose_file(api, store)})
    shop.up()
    return shop


def rules(shops: list[ComposeSandbox]) -> str:
    """One policy for all of them: nothing is waited for longer than it takes."""
    texts = [
        policy(s.name, str(s.directory), max_wait_seconds=60, stability_window_seconds=0.2) for s in shops
    ]
    return texts[0] + "".join(text.split("projects:\n", 1)[1] for text in texts[1:])


def test_fifty_runs_on_one_project_and_four_projects_beside_it(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """All end, each has its turn alone, no neighbour is touched, and no project waits for another."""
    shops = [small_shop(compose_project) for _ in range(PROJECTS)]
    operator.write_policy(rules(shops))
    wanted = {shop.name: MANY if shop is shops[0] else FEW for shop in shops}
    stores = [shop.fingerprints(without="api") for shop in shops]
    with operator.dev(), Observer(operator.state / "journals").looking() as observer:
        found = asyncio.run(run_all(operator, wanted))

    assert {name: len(records) for name, records in found.items()} == wanted
    for shop, store in zip(shops, stores, strict=True):
        records = found[shop.name]
        assert {record.status for record in records} == {RunStatus.SUCCEEDED}, [r.failure for r in records]
        only_one_at_a_time(records)
        assert observer.most[shop.name] == 1
        assert len(observer.writers[shop.name]) == len(records)
        assert shop.fingerprints(without="api") == store
        assert shop.container("api").status == "running"
    many, others = found[shops[0].name], [r for shop in shops[1:] for r in found[shop.name]]
    last = max(writing(record)[1] for record in many)
    assert all(writing(record)[1] < last for record in others), "a small project waited for the large one"
