"""Crash: the worker dies while it puts everything back; a terminate that lets nobody do so (I4)."""

from tests.acceptance.moments import Before, await_two_containers, ended, held, journals, start
from tests.acceptance.operator import Operator
from tests.acceptance.processes import await_none, await_processes
from tests.acceptance.slow_stacks import ADD_HUMANIZE, slow_shop, unique_sleep
from tests.acceptance.stacks import policy
from tests.conftest import ComposeFactory
from tests.sandbox import ComposeSandbox
from workflows.models.status import RunStatus


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
    shop = compose_project(slow_shop(stop_seconds=5))
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


def test_a_terminated_run_is_recovered_by_hand(compose_project: ComposeFactory, operator: Operator) -> None:
    """``temporal workflow terminate`` runs no code: the build ends all the same, and recover settles it."""
    sleep = unique_sleep(30)
    shop = compose_project(slow_shop(sleep=sleep))
    shop.up()
    operator.write_policy(policy(shop.name, str(shop.directory)))
    before, neighbours = Before.of(shop), shop.fingerprints(without="api")
    with operator.dev(shop.directory):
        run = start(operator, ADD_HUMANIZE, workflow_id="mm:terminated")
        await_processes(f"sleep {sleep}")
        terminated = operator.temporal("workflow", "terminate", "-w", "mm:terminated")
        assert terminated.code == 0, terminated.stderr
        await_none(f"sleep {sleep}", f"{shop.directory}/compose.yaml build api", seconds=20)
        shown = operator.show(run)
        assert (shown.status, shown.code) == (RunStatus.FAILED, "run_interrupted")
        assert shown.failure is not None
        assert shown.failure.remedy == f"mm-orchestrator recover {run}"
        recovered = operator.command("recover", "mm:terminated")
        assert (recovered.code, "rolled_back" in recovered.stdout) == (0, True), recovered.stderr
        assert_restored(shop, before, neighbours)
        assert held(shop.engine, run) == []
        shown = operator.show(run)
        assert (shown.status, shown.code) == (RunStatus.ROLLED_BACK, "run_recovered")
