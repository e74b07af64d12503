"""Broken services, repaired one after the other by one worker, as an operator would have it done."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import docker

from tests.acceptance.operator import Operator
from tests.acceptance.stacks import policy
from tests.conftest import current_endpoint
from tests.repair.broken import Begin, Broken, End, load_broken
from tests.repair.judging import comes_up, judged, measured
from tests.repair.repair_report import Outcome, report
from tests.sandbox import ComposeSandbox, unique_project_name

RUN_SECONDS = 420
IMAGE_SCRIPT = Path(__file__).parents[2] / "deploy" / "host" / "base_image.sh"
_IMAGE_SECONDS = 900


@dataclass
class Workbench:
    """One worker that serves whatever project is on the bench.

    Attributes:
        root: where projects are laid out.
        operator: whose worker is running.
        engine: to measure with.
    """

    root: Path
    operator: Operator
    engine: docker.DockerClient
    images: set[str] = field(default_factory=set)
    """Known to be there."""

    def play(self, case: Broken) -> Outcome:
        """Break it, have it repaired, look at what came of it, and take it away."""
        for image in case.images:
            self._need_image(image)
        shop = self._lay_out(case)
        try:
            self._begin(case, shop)
            self.operator.write_policy(_policy(case, shop))
            before = measured(shop, case.service)
            begun = time.monotonic()
            ran = self.operator.command(
                "run", case.service, case.instruction, "--project", shop.name, "--json", timeout=RUN_SECONDS
            )
            seconds = time.monotonic() - begun
            return judged(case, shop, before, ran, seconds)
        finally:
            shop.remove()
            shutil.rmtree(shop.directory, ignore_errors=True)

    def _lay_out(self, case: Broken) -> ComposeSandbox:
        name = unique_project_name()
        shutil.copytree(case.project, self.root / name)
        return ComposeSandbox(name, self.root / name, self.engine)

    def _begin(self, case: Broken, shop: ComposeSandbox) -> None:
        """Bring the service where the case says it stands, and prove that it stands there.

        Raises:
            AssertionError: the case is not broken in the way it says.
        """
        done = shop.compose("up", "--detach", "--build", expect_rc=None)
        if case.begin is Begin.UNBUILT:
            assert not shop.containers(case.service), f"{case.id} builds: {done.stderr[-2000:]}"
            others = [
                name for name in shop.compose("config", "--services").stdout.split() if name != case.service
            ]
            if others:
                shop.compose("up", "--detach", "--build", "--no-deps", *others)
            return
        assert shop.containers(case.service), f"{case.id} does not build: {done.stderr[-3000:]}"
        wanted = case.begin is Begin.HEALTHY
        assert comes_up(shop, case.service) is wanted, f"{case.id} is {'not ' if wanted else ''}healthy"
        if wanted:
            shutil.copytree(case.overlay, shop.directory, dirs_exist_ok=True)

    def _need_image(self, image: str) -> None:
        if image in self.images:
            return
        done = subprocess.run(
            [str(IMAGE_SCRIPT), image], capture_output=True, text=True, timeout=_IMAGE_SECONDS, check=False
        )
        assert done.returncode == 0, f"no image {image}: {done.stderr[-2000:]}"
        self.images.add(image)


@contextmanager
def workbench(root: Path, engine: docker.DockerClient) -> Iterator[Workbench]:
    """A worker with its own server and state below ``root``, until the body ends."""
    (root / "operator").mkdir()
    operator = Operator(root / "operator")
    operator.write_policy("version: 1\nprojects: {}\n")
    with operator.dev():
        yield Workbench(root, operator, engine)


def bench(only: Sequence[str], minutes: float, say: Callable[[str], None]) -> list[Outcome]:
    """Play all cases (or these), and print the table; none begins after so many minutes."""
    cases = [case for case in load_broken() if not only or case.id in only]
    outcomes: list[Outcome] = []
    engine = docker.DockerClient(base_url=current_endpoint(), timeout=120)
    deadline = time.monotonic() + minutes * 60
    say(f"== Repairs on the Docker engine: {len(cases)} cases\n")
    with tempfile.TemporaryDirectory(prefix="mm-bench-") as made, workbench(Path(made), engine) as table:
        for case in cases:
            if time.monotonic() > deadline:
                say(f"the time is over: {len(cases) - len(outcomes)} cases were not begun")
                break
            outcomes.append(_played(table, case))
            say(outcomes[-1].line())
    engine.close()
    say("\n" + report(outcomes))
    return outcomes


def _played(table: Workbench, case: Broken) -> Outcome:
    """A case that cannot even be set up must not end the bench."""
    try:
        return table.play(case)
    except (AssertionError, subprocess.TimeoutExpired) as error:
        return Outcome(case, End.NOT_PLAYED, 0.0, str(error))


def _policy(case: Broken, shop: ComposeSandbox) -> str:
    return policy(
        shop.name,
        str(shop.directory),
        service=case.service,
        max_wait_seconds=case.max_wait_seconds,
        extra_service=("  http:", "    - url: http://127.0.0.1:8000/health", "      vantage: target"),
    )
