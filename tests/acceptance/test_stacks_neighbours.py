"""A target with a dependency, a dependent, a one-shot migration and two replicas (I3)."""

import pytest

from tests.acceptance.operator import Operator
from tests.acceptance.proofs import check_rolled_back, check_succeeded, dry_run, stand
from tests.acceptance.stacks import BREAK_HEALTH, CRASH, policy, web_service, whole_stack
from tests.conftest import ComposeFactory
from tests.sandbox import ComposeSandbox

REPAIR = "repair the missing dependency for the api service"
RERUN_ANYWAY = {"Starting", "Started", "Waiting", "Exited"}
"""What a plain ``up`` says of a one-shot that has ended: it runs it again, run or no run of ours."""


def migrations(shop: ComposeSandbox) -> list[str]:
    """One line per run of the migration, from the volume itself."""
    return shop.compose("exec", "-T", "store", "cat", "/ledger/runs").stdout.splitlines()


def check_stack_is_settled(shop: ComposeSandbox) -> None:
    """A plain ``up`` afterwards would find everybody running as configured; the migration ran once."""
    would_do = dry_run(shop)
    assert set(would_do.pop(f"{shop.name}-migrate-1", ())) <= RERUN_ANYWAY
    assert would_do == {
        f"{shop.name}-{name}": ("Running",) for name in ("api-1", "api-2", "store-1", "worker-1")
    }
    assert migrations(shop) == ["migrated"]


@pytest.fixture
def broken_stack(compose_project: ComposeFactory, operator: Operator) -> ComposeSandbox:
    """The stack with two crash-looping replicas of ``api``."""
    shop = compose_project(whole_stack("humanize"))
    shop.up()
    operator.write_policy(policy(shop.name, str(shop.directory), max_wait_seconds=90))
    return shop


@pytest.fixture
def healthy_stack(compose_project: ComposeFactory, operator: Operator) -> ComposeSandbox:
    """The same stack with nothing missing."""
    shop = compose_project(whole_stack())
    shop.compose("up", "--detach", "--build", "--wait", "api", "store", "worker")
    operator.write_policy(policy(shop.name, str(shop.directory), max_wait_seconds=6))
    return shop


def test_both_replicas_are_repaired_and_no_neighbour_is_touched(
    broken_stack: ComposeSandbox, operator: Operator
) -> None:
    """Both replicas run the new image; the other containers are the same as before."""
    before = stand(broken_stack)

    record = check_succeeded(operator.run_local(broken_stack.directory, "api", REPAIR), broken_stack)

    after = stand(broken_stack)
    assert after.neighbours == before.neighbours
    assert [name for name, _, _ in after.replicas] == [name for name, _, _ in before.replicas]
    assert {image for _, image, _ in after.replicas} == {after.reference} != {before.reference}
    healths = [c.attrs["State"]["Health"]["Status"] for c in broken_stack.containers("api")]
    assert healths == ["healthy", "healthy"]
    assert record.neighbours is not None
    assert {c.service for c in record.neighbours.before} == {"store", "migrate", "worker"}
    check_stack_is_settled(broken_stack)


def test_a_forced_failure_brings_both_replicas_back_and_touches_no_neighbour(
    healthy_stack: ComposeSandbox, operator: Operator
) -> None:
    """A patch that never becomes healthy: both replicas run the previous image again, healthy."""
    before = stand(healthy_stack)
    assert len(before.replicas) == 2
    patch = operator.root / "break.patch"
    patch.write_text(BREAK_HEALTH)

    ran = operator.run_local(healthy_stack.directory, "api", "apply this", "--patch", str(patch))

    check_rolled_back(ran, "health_timeout", healthy_stack, before)
    healths = [c.attrs["State"]["Health"]["Status"] for c in healthy_stack.containers("api")]
    assert healths == ["healthy", "healthy"]
    check_stack_is_settled(healthy_stack)


def test_replicas_started_by_scale_are_kept_through_repair_and_rollback(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """``--scale api=3`` is nowhere in the compose file; it is measured, repaired, and rolled back to."""
    shop = compose_project(
        {
            "compose.yaml": "services:\n  api:\n    build: ./api\n    stop_grace_period: 2s\n",
            **web_service("api", "humanize"),
        }
    )
    shop.compose("up", "--detach", "--build", "--scale", "api=3")
    operator.write_policy(policy(shop.name, str(shop.directory), max_wait_seconds=90))

    check_succeeded(operator.run_local(shop.directory, "api", REPAIR), shop)

    repaired = stand(shop)
    assert [(image, up) for _, image, up in repaired.replicas] == [(repaired.reference, True)] * 3
    patch = operator.root / "crash.patch"
    patch.write_text(CRASH)

    ran = operator.run_local(shop.directory, "api", "apply this", "--patch", str(patch))

    check_rolled_back(ran, "container_crashed", shop, repaired)
