"""One running shop that nobody may touch, for tests of everything that must be refused."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import docker

from starter.client import OrchestratorClient
from tests.acceptance.operator import Operator, Ran
from tests.acceptance.proofs import stand
from tests.acceptance.stacks import broken_shop, policy
from tests.sandbox import ComposeSandbox, unique_project_name, write_files
from workflows.models.record import RunRecord
from workflows.models.request import RunRequest
from workflows.models.status import RunStatus, StepName, StepStatus

REPAIR = "repair the missing dependency for the api service"
RUN_SECONDS = 120
AT_ONCE = 2
WRITING = {StepName.PATCH, StepName.BUILD, StepName.RESTART, StepName.VERIFY, StepName.ROLLBACK}


@dataclass(frozen=True)
class Bench:
    """One running shop, and a worker that serves it and whatever projects a test adds to the policy."""

    shop: ComposeSandbox
    operator: Operator
    outside: Path
    """A file outside the project that no patch may reach."""

    def serve(self, *projects: ComposeSandbox) -> None:
        """Rewrite the policy: the shop, and these further projects; it is read afresh by the next run."""
        text = policy(self.shop.name, str(self.shop.directory))
        for project in projects:
            text += f"  {project.name}:\n    workspace: {project.directory}\n"
        self.operator.write_policy(text)

    def project(self, files: dict[str, str]) -> ComposeSandbox:
        """The files of one more project, not served yet; it has no container."""
        name = unique_project_name()
        directory = self.operator.root / name
        directory.mkdir()
        write_files(directory, files)
        return ComposeSandbox(name, directory, self.shop.engine)

    def run(self, *args: str, project: str | None = None) -> Ran:
        """``run ... --json``; the shop is as it was before, whatever came of it."""
        before, secret, journals = self.measured(), self.outside.read_bytes(), self.journals()
        ran = self.operator.command("run", *args, "--project", project or self.shop.name, "--json")
        assert "Traceback" not in ran.stderr
        assert self.measured() == before
        assert self.outside.read_bytes() == secret
        assert self.journals() == journals, "a journal is opened before the first write only"
        return ran

    def run_all(self, requests: dict[str, dict[str, object]]) -> dict[str, RunRecord]:
        """Carry out all these runs, a few at a time, through the programmatic starter.

        Afterwards the shop is as it was before, whatever came of them.
        """
        before, secret, journals = self.measured(), self.outside.read_bytes(), self.journals()
        records = asyncio.run(self._run_all(requests))
        ended = {case: str(record.code) for case, record in records.items()}
        assert self.measured() == before, ended
        assert self.outside.read_bytes() == secret
        assert self.journals() == journals, "a journal is opened before the first write only"
        return records

    async def _run_all(self, requests: dict[str, dict[str, object]]) -> dict[str, RunRecord]:
        client = await OrchestratorClient.connect(self.operator.address)

        few = asyncio.Semaphore(AT_ONCE)

        async def ended(fields: dict[str, object]) -> RunRecord:
            request = RunRequest.model_validate({"project": self.shop.name, "service": "api"} | fields)
            async with few, asyncio.timeout(RUN_SECONDS):
                handle = await client.start(request)
                return [record async for record in client.watch(handle)][-1]

        found = await asyncio.gather(*(ended(fields) for fields in requests.values()))
        return dict(zip(requests, found, strict=True))

    def journals(self) -> list[str]:
        """Names of the journals there are."""
        return sorted(path.name for path in (self.operator.state / "journals").iterdir())

    def measured(self) -> tuple[object, ...]:
        """Files and containers; of the broken ``api``, which restarts by itself, ids and images."""
        measured = stand(self.shop)
        ids = tuple(c.id for c in self.shop.containers())
        return measured.files, measured.neighbours, measured.reference, measured.volumes, ids


@contextmanager
def serving_bench(root: Path, engine: docker.DockerClient) -> Iterator[Bench]:
    """A broken shop and a running ``dev`` below ``root``."""
    name = unique_project_name()
    directory = root / name
    directory.mkdir()
    write_files(directory, broken_shop("humanize") | {"api/notes.txt": "by hand\n", ".env": "COLOUR=red\n"})
    shop = ComposeSandbox(name, directory, engine)
    (root / "operator").mkdir()
    outside = root / "outside.txt"
    outside.write_text("out of reach\n")
    made = Bench(shop, Operator(root / "operator"), outside)
    try:
        shop.up()
        made.serve()
        with made.operator.dev():
            yield made
    finally:
        shop.remove()


def check_refused(ran: Ran, *codes: str) -> RunRecord:
    """Exit 5, one JSON document, failed before any step that writes, with a code and a remedy."""
    assert ran.code == 5, f"{ran.stdout}\n{ran.stderr}"
    return check_failed(ran.record, *codes)


def check_failed(record: RunRecord, *codes: str) -> RunRecord:
    """Failed before any step that writes, with one of these codes and a remedy."""
    assert record.status is RunStatus.FAILED
    assert record.failure is not None
    assert record.failure.code in codes, record.failure
    assert record.failure.remedy
    begun = {s.name for s in record.steps if s.status is not StepStatus.SKIPPED}
    assert not begun & WRITING
    assert record.files_touched == ()
    return record
