"""Services that share a namespace, an image or a manifest; changes that were never deployed."""

import os
import time

import pytest

from tests.acceptance.operator import Operator, check_artifacts
from tests.acceptance.proofs import check_refused, check_succeeded, stand
from tests.acceptance.stacks import (
    DOCKERFILE,
    IDLE_LINE,
    compose_file,
    idle_service,
    image_block,
    policy,
    web_block,
    web_service,
)
from tests.conftest import ComposeFactory
from tests.sandbox import ComposeSandbox
from workflows.models.record import RunRecord
from workflows.models.status import RunStatus

REPAIR = "repair the missing dependency for the api service"
APPROVERS = "approvals: {trust: unsigned, approver_roles: [sre]}\nroles: {sre: [olga, alice]}\n"
IMAGE = "image: ${COMPOSE_PROJECT_NAME}-app"


def rule(operator: Operator, shop: ComposeSandbox, *, risks: str = "") -> None:
    """A policy with approvers; nothing is protected."""
    operator.write_policy(
        policy(shop.name, str(shop.directory), extra=APPROVERS + risks, max_wait_seconds=60)
    )


def waiting(operator: Operator, *args: str) -> RunRecord:
    """Start a run that must stop at the gate."""
    ran = operator.command("run", "api", REPAIR, "--detach", "--json", *args)
    assert ran.code == 3, f"{ran.stdout}\n{ran.stderr}"
    assert ran.record.status is RunStatus.AWAITING_APPROVAL
    return ran.record


def approve_and_follow(operator: Operator, run: str) -> RunRecord:
    """Alice approves; the run ends healthy."""
    approved = operator.command("approve", run, "--approver", "alice", "--yes")
    assert approved.code == 0, approved.stderr
    assert "Warnings" in approved.stdout + approved.stderr
    watched = operator.command("watch", run, "--json")
    assert watched.code == 0, f"{watched.stdout}\n{watched.stderr}"
    check_artifacts(watched.record, "approval.json", "report.json")
    return watched.record


@pytest.mark.parametrize("mode", ["network_mode: service:api", "ipc: service:api", "pid: service:api"])
def test_a_neighbour_in_the_services_namespace_refuses_the_run(
    compose_project: ComposeFactory, operator: Operator, mode: str
) -> None:
    """A sidecar would lose network, memory or processes when ``api`` is replaced, and could not restart."""
    shareable = ("ipc: shareable",) if mode.startswith("ipc") else ()
    api = web_block("api", "restart: unless-stopped", *shareable)
    files = {"compose.yaml": compose_file(api, image_block("proxy", IDLE_LINE, mode))}
    shop = compose_project(files | web_service("api"))
    shop.up()
    before = stand(shop)

    record = check_refused(
        operator.run_local(shop.directory, "rebuild api"), "shared_namespace", before, stand(shop)
    )

    assert record.failure is not None
    assert "proxy lives in a namespace of api" in record.failure.message


def test_a_service_in_anothers_namespaces_is_repaired(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """The target may join others: its hash holds their container ids, and they are not touched."""
    lines = ("network_mode: service:gate", "volumes_from: [gate]")
    gate = image_block("gate", IDLE_LINE, "volumes: [data:/data]")
    compose = compose_file(gate, web_block("api", *lines)) + "volumes:\n  data:\n"
    shop = compose_project({"compose.yaml": compose} | web_service("api", "humanize"))
    shop.up()
    neighbours = shop.fingerprints(without="api")

    check_succeeded(operator.run_local(shop.directory, REPAIR), shop)

    assert shop.fingerprints(without="api") == neighbours
    assert (
        shop.container("api").attrs["HostConfig"]["NetworkMode"] == f"container:{shop.container('gate').id}"
    )
    shop.write("compose.yaml", compose.replace("build: ./api", "build: ./api\n    environment: {A: b}"))
    before = stand(shop)
    check_refused(operator.run_local(shop.directory, "rebuild api"), "config_drift", before, stand(shop))


def shared_image(make: ComposeFactory) -> ComposeSandbox:
    """``worker`` runs the image that ``api`` builds."""
    worker = f'worker:\n  {IMAGE}\n  command: ["python", "-u", "-c", "{IDLE_LINE}"]\n  stop_grace_period: 2s'
    files = {"compose.yaml": compose_file(web_block("api", IMAGE, "restart: unless-stopped"), worker)}
    shop = make(files | web_service("api", "humanize"))
    shop.compose("build", "api")
    shop.compose("up", "--detach", "--no-build")
    return shop


def test_a_shared_image_needs_an_approval_that_zero_configuration_cannot_give(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """The next ``up`` would recreate the sibling too, so somebody must agree; nobody is named, so it ends."""
    shop = shared_image(compose_project)
    image = f"{shop.name}-app"
    before = stand(shop, image=image)

    ran = operator.run_local(shop.directory, REPAIR)

    record = check_refused(ran, "approval_impossible", before, stand(shop, image=image))
    assert record.failure is not None
    assert f"the image {image} is also run by worker" in record.failure.message
    assert "policy file" in record.failure.remedy


def test_a_shared_image_is_repaired_after_an_approval_and_the_sibling_stays(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """It waits, names the risk to whoever approves, and then replaces ``api`` only."""
    shop = shared_image(compose_project)
    rule(operator, shop)
    files, neighbours = shop.checksums(), shop.fingerprints(without="api")
    with operator.dev(shop.directory):
        run = waiting(operator)
        assert any(warning.startswith("shared_image: ") for warning in run.warnings)
        assert shop.checksums() == files
        shown = operator.command("plan", run.run_id)
        assert "is also run by worker" in " ".join(shown.stdout.split())
        record = approve_and_follow(operator, run.run_id)
    assert record.status is RunStatus.SUCCEEDED
    assert record.neighbours is not None
    assert record.neighbours.untouched
    assert any("worker runs the image of api too" in warning for warning in record.warnings)
    assert shop.fingerprints(without="api") == neighbours
    assert shop.container("api").attrs["State"]["Health"]["Status"] == "healthy"


def test_a_shared_manifest_needs_an_approval(compose_project: ComposeFactory, operator: Operator) -> None:
    """Two services from one directory: what is added for one comes into the other at its next build."""
    worker = "\n".join(["worker:", "  build: {context: ./api, dockerfile: worker.Dockerfile}",
                        f'  command: ["python", "-u", "-c", "{IDLE_LINE}"]',
                        "  stop_grace_period: 2s"])  # fmt: skip
    files = {"compose.yaml": compose_file(web_block("api", "restart: unless-stopped"), worker)}
    shop = compose_project(files | web_service("api", "humanize") | {"api/worker.Dockerfile": DOCKERFILE})
    shop.up()
    before = stand(shop)
    check_refused(operator.run_local(shop.directory, REPAIR), "approval_impossible", before, stand(shop))

    rule(operator, shop)
    with operator.dev(shop.directory):
        run = waiting(operator)
        said = "shared_manifest: api/requirements.txt also goes into the image of worker"
        assert said in run.warnings
        approve_and_follow(operator, run.run_id)
    assert shop.read("api/requirements.txt") == "# packages\nhumanize\n"
    assert shop.fingerprints(without="api") == before.neighbours


def test_a_dockerfile_inside_the_compose_file_is_declined(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """Compose files are never edited, so there is nothing a repair could change."""
    lines = "\n".join(f"        {line}" for line in DOCKERFILE.splitlines())
    inline = f"build:\n      context: ./api\n      dockerfile_inline: |\n{lines}"
    files = {"compose.yaml": compose_file(web_block("api")).replace("build: ./api", inline)}
    shop = compose_project(files | web_service("api"))
    shop.up()
    before = stand(shop)

    ran = operator.run_local(shop.directory, "rebuild api")

    record = check_refused(ran, "dockerfile_inline", before, stand(shop))

    assert record.failure is not None
    assert "file of its own" in record.failure.remedy


def test_changes_that_were_never_deployed_are_gated_where_policy_wants_it(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """An edit of the sources that nobody deployed would ship with the fix: it is named, and waits."""
    files = {
        "compose.yaml": compose_file(
            web_block("api", "restart: unless-stopped"), web_block("store", health=False)
        )
    }
    shop = compose_project(files | web_service("api", "humanize") | idle_service("store"))
    shop.write("api/.dockerignore", "notes.md\n")
    shop.write("api/build-id", shop.name)  # a build from the cache would keep the age of an earlier image
    shop.up()
    rule(operator, shop, risks="requires_approval_when: [undeployed_changes]\n")
    later = time.time() + 1
    for name, content in {"extra.py": "# half-done\n", "notes.md": "not in the image\n"}.items():
        shop.write(f"api/{name}", content)
        os.utime(shop.directory / "api" / name, (later, later))
    untouched = shop.checksums()
    with operator.dev(shop.directory):
        run = waiting(operator)
        said = "undeployed_changes: the build also ships files newer than the running image: extra.py"
        assert said in run.warnings
        assert shop.checksums() == untouched
        record = approve_and_follow(operator, run.run_id)
    assert record.status is RunStatus.SUCCEEDED
