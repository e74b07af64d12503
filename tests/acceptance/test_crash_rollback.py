"""Crash: the worker dies while it puts everything back; a terminate that lets nobody do so (I4)."""

import time

import pytest

from tests.acceptance import temporal_cli
from tests.acceptance.moments import (
    Before,
    await_two_containers,
    await_verify_log,
    ended,
    held,
    journals,
    start,
)
from tests.acceptance.operator import Operator
from tests.acceptance.processes import await_none, await_processes
from tests.acceptance.slow_stacks import ADD_HUMANIZE, slow_shop, unique_sleep
from tests.acceptance.stacks import policy
from tests.conftest import ComposeFactory
from tests.sandbox import ComposeSandbox
from workflows.models.status import RunStatus

HEARD_SECONDS = 5.0
"""A step that nobody waits for any more hears of it with a heartbeat, and has closed its evidence by then."""


def assert_restored(shop: ComposeSandbox, before: Before, neighbours: object) -> None:
    """Files, image, one healthy container under its own name, and nobody else touched."""
    assert Before.of(shop) == before
    api = shop.container("api")
    assert (api.name, api.attrs["State"]["Health"]["Status"]) == (f"{shop.name}-api-1", "healthy")
    assert shop.fingerprints(without="api") == neighbours


def test_a_worker_killed_in_the_rollback_is_taken_over(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """Killed while Compose replaces the new container by the previous one: the next worker finishes that."""
    shop = compose_project(slow_shop(stop_seconds=12))
    shop.up()
    operator.write_policy(
        policy(shop.name, str(shop.directory), max_wait_seconds=60, stability_window_seconds=40)
    )
    before, neighbours = Before.of(shop), shop.fingerprints(without="api")
    with operator.dev(shop.directory) as dev:
        run = start(operator, ADD_HUMANIZE)
        operator.until(run, "verify", seconds=120)
        assert len(shop.containers("api")) == 1
        assert operator.command("cancel", run).code == 0
        await_two_containers(shop)
        dev.kill()
        dev.wait(timeout=10)
        await_none(str(operator.state), shop.name)
    (journal,) = journals(operator)
    assert (journal["settled"], journal["raised_by"]) == (None, "rollback")

    with operator.dev(shop.directory):
        record = ended(operator, run)
    assert (record.status, record.code) == (RunStatus.CANCELLED, "cancelled"), record.failure
    assert record.rollback is not None
    assert record.rollback.complete
    assert_restored(shop, before, neighbours)
    (journal,) = journals(operator)
    assert journal["settled"]["outcome"] == "rolled_back"
    assert held(shop.engine, run) == []


def await_empty_spool(operator: Operator) -> None:
    """A build whose run is gone may still be closing its log when the guard has settled it."""
    deadline = time.monotonic() + 60
    while left := list(operator.state.glob("spool/*")):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def test_a_terminated_run_is_settled_by_its_guard(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """``temporal workflow terminate`` runs no code of the run: the build ends, and everything is put back."""
    sleep = unique_sleep(200)
    shop = compose_project(slow_shop(sleep=sleep))
    shop.up()
    operator.write_policy(policy(shop.name, str(shop.directory)))
    before, neighbours = Before.of(shop), shop.fingerprints(without="api")
    with operator.dev(shop.directory):
        run = start(operator, ADD_HUMANIZE, workflow_id="mm:terminated")
        await_processes(f"sleep {sleep}")
        terminate(operator, "mm:terminated")
        await_none(f"sleep {sleep}", f"{shop.directory}/compose.yaml build api")
        assert_settled(operator, run)
        assert_restored(shop, before, neighbours)
        assert held(shop.engine, run) == []
        report = temporal_cli.result_value(operator, f"mm.guard:{run}")
        assert (report["closing"], report["settled"], report["complete"]) == ("terminated", True, True)
        shown = operator.show(run)
        assert (shown.instruction, shown.requested_by) == (ADD_HUMANIZE, "olga")
        assert not [s for s in shown.steps if s.status in {"pending", "in_progress"}]
        assert "previous image" in operator.command("explain", run).stdout
        again = ended(operator, start(operator, "restart api"))
        assert again.status is RunStatus.SUCCEEDED, again.failure


def test_a_verification_that_is_terminated_leaves_a_bundle_that_is_whole(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """The step hears of it seconds later; what it says by then replaces nothing the guard vouched for."""
    shop = compose_project(slow_shop())
    shop.up()
    operator.write_policy(
        policy(shop.name, str(shop.directory), max_wait_seconds=60, stability_window_seconds=40)
    )
    before, neighbours = Before.of(shop), shop.fingerprints(without="api")
    with operator.dev(shop.directory):
        run = start(operator, ADD_HUMANIZE, workflow_id="mm:terminated")
        operator.until(run, "verify", seconds=120)
        await_verify_log(operator)
        terminate(operator, "mm:terminated")
        assert_settled(operator, run)
        assert_restored(shop, before, neighbours)
        time.sleep(HEARD_SECONDS)
        verified = operator.command("verify-bundle", run)
        assert verified.code == 0, verified.stdout + verified.stderr
        assert "verify.log" in {artifact.name for artifact in operator.show(run).artifacts}


def test_run_and_guard_terminated_together_are_settled_by_the_sweep(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """The last net: a worker looks at the open journals of its host and gives a lost run a new guard."""
    sleep = unique_sleep(200)
    shop = compose_project(slow_shop(sleep=sleep))
    shop.up()
    operator.write_policy(policy(shop.name, str(shop.directory)))
    before, neighbours = Before.of(shop), shop.fingerprints(without="api")
    with operator.dev(shop.directory):
        run = start(operator, ADD_HUMANIZE, workflow_id="mm:terminated")
        await_processes(f"sleep {sleep}")
        terminate(operator, f"mm.guard:{run}")
        terminate(operator, "mm:terminated")
        assert_settled(operator, run)
        assert_restored(shop, before, neighbours)


@pytest.mark.parametrize("point", ["LastWorkflowTask", "FirstWorkflowTask"])
def test_a_reset_meets_a_settled_journal(
    compose_project: ComposeFactory, operator: Operator, point: str
) -> None:
    """A reset begins the run anew beside what it did already: the guard settles that, the new one fails.

    What the guard vouches for stays what it was, whatever the new one finds and plans meanwhile.
    """
    sleep = unique_sleep(200)
    shop = compose_project(slow_shop(sleep=sleep))
    shop.up()
    operator.write_policy(policy(shop.name, str(shop.directory)))
    before, neighbours = Before.of(shop), shop.fingerprints(without="api")
    with operator.dev(shop.directory):
        run = start(operator, ADD_HUMANIZE, workflow_id="mm:reset")
        await_processes(f"sleep {sleep}")
        reset = operator.temporal(
            "workflow", "reset", "-w", "mm:reset", "--type", point, "--reason", "a test"
        )
        assert reset.code == 0, reset.stderr
        record = ended(operator, run)
        assert record.status is RunStatus.ROLLED_BACK, record.failure
        assert record.code in {"run_recovered", "journal_settled"}  # by the guard, or told by it first
        assert_restored(shop, before, neighbours)
        assert [j["settled"]["outcome"] for j in journals(operator)] == ["rolled_back"]
        await_none(f"sleep {sleep}")
        verified = operator.command("verify-bundle", run)
        assert verified.code == 0, verified.stdout + verified.stderr
        await_empty_spool(operator)
        again = ended(operator, start(operator, "restart api"))
        assert again.status is RunStatus.SUCCEEDED, again.failure


def terminate(operator: Operator, workflow_id: str) -> None:
    """``temporal workflow terminate``."""
    done = operator.temporal("workflow", "terminate", "-w", workflow_id)
    assert done.code == 0, done.stderr


def assert_settled(operator: Operator, run: str, seconds: float = 90) -> None:
    """Wait for the journal's end, and for the report that tells it."""
    deadline = time.monotonic() + seconds
    while operator.show(run).code != "run_recovered":
        assert time.monotonic() < deadline, operator.show(run)
        time.sleep(0.5)
    assert operator.show(run).status is RunStatus.ROLLED_BACK
    assert [journal["settled"]["outcome"] for journal in journals(operator)] == ["rolled_back"]
