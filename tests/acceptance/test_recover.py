"""``mm-orchestrator recover``: settles from the journal alone, and a late step changes nothing (I4, I7)."""

import shutil
import time
from pathlib import Path

import pytest

from tests.acceptance.moments import Before, ended, held, journals, start
from tests.acceptance.operator import Operator, check_artifacts
from tests.acceptance.processes import await_none, await_processes
from tests.acceptance.slow_stacks import ADD_HUMANIZE, slow_shop, unique_sleep
from tests.acceptance.stacks import policy
from tests.conftest import ComposeFactory
from tests.sandbox import ComposeSandbox
from workflows.models.status import RunStatus

FAILED = 5
PATCHED = "# packages\nhumanize\n"


def killed_dev(operator: Operator, shop: ComposeSandbox, sleep: str, step: str = "build") -> str:
    """Start a run on ``dev`` and kill that in the middle of a step; returns the run id."""
    with operator.dev(shop.directory) as dev:
        run = start(operator, ADD_HUMANIZE)
        if step == "build":
            await_processes(f"sleep {sleep}")
        else:
            operator.until(run, step)
            await_file(operator.state, "verify.log")
        dev.kill()
        dev.wait(timeout=10)
        await_none(str(operator.state), f"sleep {sleep}", shop.name)
    return run


def await_file(state: Path, name: str, seconds: float = 30) -> None:
    """A step has begun to write its evidence.

    Raises:
        AssertionError: it never did.
    """
    deadline = time.monotonic() + seconds
    while not any(state.glob(f"spool/*/{name}")):
        assert time.monotonic() < deadline, f"there never was a {name}"
        time.sleep(0.02)


@pytest.fixture
def sleep() -> str:
    """How long this test's build sleeps; nobody else's does exactly that."""
    return unique_sleep(10)


@pytest.fixture
def shop(compose_project: ComposeFactory, operator: Operator, sleep: str) -> ComposeSandbox:
    """A healthy project whose repairs take ten seconds to build."""
    made = compose_project(slow_shop(sleep=sleep))
    made.up()
    operator.write_policy(
        policy(made.name, str(made.directory), max_wait_seconds=90, stability_window_seconds=15)
    )
    return made


def test_recover_says_what_there_is_to_recover(operator: Operator) -> None:
    """Nothing, at first; and a run it does not know is named, without a traceback."""
    nothing = operator.command("recover")
    assert (nothing.code, nothing.stdout) == (0, "Nothing to recover: every journal is settled.\n")
    unknown = operator.command("recover", "01a20500-0000-7000-8000-000000000000")
    assert unknown.code == FAILED
    assert unknown.stderr.startswith(
        "journal_missing: Run 01a20500-0000-7000-8000-000000000000 has no journal"
    )
    hostile = operator.command("recover", "../../etc")
    assert hostile.code == FAILED
    assert hostile.stderr.startswith("journal_missing: ")


@pytest.mark.parametrize("step", ["build", "verify"])
def test_a_run_that_was_recovered_changes_nothing_when_it_resumes(
    operator: Operator, shop: ComposeSandbox, sleep: str, step: str
) -> None:
    """The next ``dev`` takes the run up; its workflow fails ``journal_settled``, the recovered state stands.

    What is shown is what the recovery measured, and the project is free for the next run.
    """
    before = Before.of(shop)
    run = killed_dev(operator, shop, sleep, step)
    recovered = operator.command("recover", run)
    assert recovered.code == 0, recovered.stderr
    assert Before.of(shop) == before
    containers, settled = shop.fingerprints(), journals(operator)

    with operator.dev(shop.directory):
        record = ended(operator, run)
        result = operator.temporal("workflow", "result", "-w", record.workflow_id)
        assert '"code":"journal_settled"' in result.stdout, result.stdout
        assert (record.status, record.code) == (RunStatus.ROLLED_BACK, "run_recovered")
        assert (record.instruction, record.rounds) == (ADD_HUMANIZE, 1)
        last = {"build": "build.log", "verify": "verify.log"}[step]
        check_artifacts(record, last, "rollback.log", "report.json", "report.html", "manifest.json")
        assert "previous image" in operator.command("explain", run).stdout
        assert (shop.fingerprints(), Before.of(shop), journals(operator)) == (containers, before, settled)
        assert held(shop.engine, run) == []
        again = ended(operator, start(operator, ADD_HUMANIZE))
        assert again.status is RunStatus.SUCCEEDED, again.failure
    assert shop.read("api/requirements.txt") == PATCHED


def test_the_current_state_can_be_accepted(operator: Operator, shop: ComposeSandbox, sleep: str) -> None:
    """The run's Temporal server is gone for good, so nobody will settle it: the project is busy.

    Afterwards files and containers are as the run left them.
    """
    run = killed_dev(operator, shop, sleep)
    shutil.rmtree(operator.state / "temporal")
    containers, files = shop.fingerprints(), shop.checksums()
    busy = operator.run_local(shop.directory, "api", "restart api")
    assert (busy.code, busy.record.code) == (FAILED, "project_busy"), busy.stderr
    assert busy.record.failure is not None
    assert run in busy.record.failure.message
    assert f"mm-orchestrator recover {run}" in busy.record.failure.remedy

    accepted = operator.command("recover", run, "--accept-current-state")
    assert accepted.code == 0, accepted.stderr
    assert "accepted" in accepted.stdout
    assert (shop.fingerprints(), shop.checksums()) == (containers, files)
    assert shop.read("api/requirements.txt") == PATCHED
    (journal,) = journals(operator)
    assert (journal["settled"]["by"], journal["settled"]["outcome"]) == ("recover", "accepted")
    assert held(shop.engine, run) == []
    assert operator.show(run).code == "state_accepted"

    twice = operator.command("recover", run)
    assert (twice.code, "already_settled" in twice.stdout) == (0, True)
    free = operator.run_local(shop.directory, "api", "restart api")
    assert (free.code, free.record.status) == (0, RunStatus.SUCCEEDED), free.record.failure
    with operator.dev(shop.directory):
        assert ended(operator, run).code == "state_accepted"
    assert shop.read("api/requirements.txt") == PATCHED
