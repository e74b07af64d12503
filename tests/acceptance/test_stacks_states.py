"""No container yet, a stopped one, an image-only service: as asked or refused; rollback leads back."""

import pytest

from tests.acceptance.operator import Operator, artifact_text
from tests.acceptance.proofs import check_refused, check_rolled_back, check_succeeded, stand
from tests.acceptance.stacks import (
    BREAK_HEALTH,
    IDLE_LINE,
    NEVER_HEALTHY,
    compose_file,
    image_block,
    policy,
    web_block,
    web_service,
)
from tests.conftest import ComposeFactory
from tests.sandbox import ComposeSandbox
from workflows.models.finding import FindingKind

STORE = image_block("store", IDLE_LINE)
IMAGE = "python:3.13-slim"


def shop_with_api(make: ComposeFactory, *missing: str) -> ComposeSandbox:
    """``api`` (built) with a volume of its own, beside ``store`` (image only)."""
    api = web_block("api", "volumes: [cache:/cache]")
    files = {"compose.yaml": compose_file(api, STORE) + "volumes:\n  cache:\n"}
    return make(files | web_service("api", *missing))


def rule(
    shop: ComposeSandbox, operator: Operator, *extra: str, service: str = "api", wait: float = 90
) -> None:
    """The policy of these tests."""
    operator.write_policy(
        policy(shop.name, str(shop.directory), service=service, max_wait_seconds=wait, extra_service=extra)
    )


# No container yet.


@pytest.mark.parametrize(
    ("instruction", "rounds", "kinds"),
    [
        ("rebuild api", 2, [FindingKind.REBUILD, FindingKind.ADD_PYTHON_PACKAGE]),
        ("repair api", 1, [FindingKind.ADD_PYTHON_PACKAGE, FindingKind.REBUILD]),
    ],
)
def test_absent_the_service_is_built_repaired_and_started(
    compose_project: ComposeFactory,
    operator: Operator,
    instruction: str,
    rounds: int,
    kinds: list[FindingKind],
) -> None:
    """Without a log, a rebuild crashes and proves what round 2 adds; a repair reads the sources first."""
    shop = shop_with_api(compose_project, "humanize")
    shop.up("store")
    rule(shop, operator)
    neighbours = shop.fingerprints()

    record = check_succeeded(operator.run_local(shop.directory, instruction), shop, rounds=rounds)

    assert record.plan is not None
    assert [f.kind for f in record.plan.findings] == kinds
    assert shop.read("api/requirements.txt") == "# packages\nhumanize\n"
    assert shop.container("api").attrs["State"]["Health"]["Status"] == "healthy"
    assert shop.fingerprints(without="api") == neighbours


def test_absent_a_failure_leads_back_to_absent(compose_project: ComposeFactory, operator: Operator) -> None:
    """Container, image, network and volume of the run are gone again; what was there before is not."""
    shop = shop_with_api(compose_project, "humanize")
    rule(shop, operator, *NEVER_HEALTHY, wait=6)
    before = stand(shop)
    made = [*before.replicas, *before.images, *before.networks, *before.volumes]
    assert made == []

    ran = operator.run_local(shop.directory, "add humanize to api")

    record = check_rolled_back(ran, "health_timeout", shop, before)
    assert record.rollback is not None
    assert record.rollback.state == "api has no container, as before."


def test_absent_a_failure_leaves_the_network_and_volume_of_others(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """Only what this run made is removed: the project's network and the filled volume were there before."""
    shop = shop_with_api(compose_project)
    shop.up()
    shop.compose("exec", "-T", "api", "sh", "-c", "echo kept > /cache/data")
    shop.compose("rm", "--stop", "--force", "api")
    rule(shop, operator, *NEVER_HEALTHY, wait=6)
    before = stand(shop)
    assert before.replicas == ()
    assert len(before.volumes) == 1

    check_rolled_back(operator.run_local(shop.directory, "rebuild api"), "health_timeout", shop, before)

    kept = shop.compose("run", "--rm", "--no-deps", "api", "cat", "/cache/data")
    assert kept.stdout.strip() == "kept"


def test_absent_a_restart_without_an_image_is_refused(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """There is nothing to restart: the code says what is missing."""
    shop = shop_with_api(compose_project)
    rule(shop, operator)
    before = stand(shop)

    ran = operator.run_local(shop.directory, "restart api")

    check_refused(ran, "image_missing", before, stand(shop))


# A stopped container.


def test_stopped_a_crashed_service_is_repaired_and_runs(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """It ended with an error and nobody restarts it: its log still tells the cause."""
    shop = shop_with_api(compose_project, "humanize")
    shop.up()
    shop.container("api").wait(timeout=30)
    rule(shop, operator)

    check_succeeded(operator.run_local(shop.directory, "repair api"), shop)

    assert shop.container("api").attrs["State"]["Health"]["Status"] == "healthy"


def test_stopped_a_restart_starts_it(compose_project: ComposeFactory, operator: Operator) -> None:
    """The instruction "restart" of a stopped service ends with the service running, from the same image."""
    shop = shop_with_api(compose_project)
    shop.up()
    shop.compose("stop", "api")
    rule(shop, operator)
    before = stand(shop)

    record = check_succeeded(operator.run_local(shop.directory, "restart api"), shop)

    after = stand(shop)
    assert [(image, up) for _, image, up in after.replicas] == [(before.reference, True)]
    assert (after.files, after.neighbours) == (before.files, before.neighbours)
    assert "build.log" not in {artifact.name for artifact in record.artifacts}


def test_stopped_a_failure_leads_back_to_stopped(compose_project: ComposeFactory, operator: Operator) -> None:
    """The container stands stopped again, of the image it had."""
    shop = shop_with_api(compose_project)
    shop.up()
    shop.compose("stop", "api")
    rule(shop, operator, wait=6)
    before = stand(shop)
    assert [up for _, _, up in before.replicas] == [False]
    patch = operator.root / "break.patch"
    patch.write_text(BREAK_HEALTH)

    ran = operator.run_local(shop.directory, "api", "apply", "--patch", str(patch))

    record = check_rolled_back(ran, "health_timeout", shop, before)
    assert record.rollback is not None
    assert record.rollback.state == "api is stopped, as before."


# An image-only service.


def test_image_only_a_restart_is_done_without_a_build(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """A new container of the same image; nobody else is touched."""
    shop = shop_with_api(compose_project)
    shop.compose("up", "--detach", "--build", "--wait")
    rule(shop, operator, service="store")
    before, first = stand(shop, "store", IMAGE), shop.container("store")

    record = check_succeeded(operator.run_local(shop.directory, "restart store"), shop)

    assert stand(shop, "store", IMAGE) == before
    second = shop.container("store")
    assert second.attrs["State"]["StartedAt"] > first.attrs["State"]["StartedAt"]
    assert record.downtime_seconds is not None
    assert record.files_touched == ()


def test_image_only_a_repair_is_refused(compose_project: ComposeFactory, operator: Operator) -> None:
    """Nothing can be patched or built; the remedy names what is possible."""
    shop = shop_with_api(compose_project)
    shop.up("store")
    rule(shop, operator, service="store")
    before, running = stand(shop, "store", IMAGE), shop.fingerprints()

    ran = operator.run_local(shop.directory, "store", "repair the missing dependency for the store service")

    record = check_refused(ran, "image_only_service", before, stand(shop, "store", IMAGE))
    assert record.failure is not None
    assert "restart store" in record.failure.remedy
    assert shop.fingerprints() == running


def test_image_only_a_failed_restart_leads_back_to_running(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """The service runs the image it ran, and the image's public name is still its own."""
    shop = shop_with_api(compose_project)
    shop.compose("up", "--detach", "--build", "--wait")
    rule(shop, operator, *NEVER_HEALTHY, service="store", wait=4)
    before = stand(shop, "store", IMAGE)

    ran = operator.run_local(shop.directory, "restart store")

    record = check_rolled_back(ran, "health_timeout", shop, before)
    assert "runs" in artifact_text(record, "rollback.log")
    assert record.rollback is not None
    assert record.rollback.files == ()
