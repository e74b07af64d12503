"""Images that are not where one expects them: two at a time, pruned, gone (COMPOSE facts 3 and 4)."""

import docker
import pytest

from tests.acceptance.moments import ended, held, start
from tests.acceptance.operator import Operator, artifact_text
from tests.acceptance.proofs import (
    KEPT_RUNS,
    check_rolled_back,
    check_succeeded,
    held_runs,
    image_id,
    images_built,
    stand,
)
from tests.acceptance.stacks import BREAK_HEALTH, compose_file, policy, web_block, web_service
from tests.conftest import ComposeFactory
from tests.sandbox import ComposeSandbox
from workflows.models.status import RunStatus

NEVER = ["http:", "  - url: http://127.0.0.1:8000/no-such-page", "    vantage: target"]


@pytest.fixture
def shop(compose_project: ComposeFactory) -> ComposeSandbox:
    """One healthy service."""
    files = {"compose.yaml": compose_file(web_block("api"))} | web_service("api")
    made = compose_project(files)
    made.compose("up", "--detach", "--build", "--wait")
    return made


def rule(shop: ComposeSandbox, operator: Operator, wait: float, *extra: str) -> None:
    """The policy of these tests."""
    operator.write_policy(
        policy(
            shop.name,
            str(shop.directory),
            max_wait_seconds=wait,
            stability_window_seconds=1,
            extra_service=[f"  {line}" for line in extra],
        )
    )


def prune_all(shop: ComposeSandbox) -> None:
    """``docker image prune -a``, kept to the images of this project."""
    mine = {"label": f"com.docker.compose.project={shop.name}", "dangling": False}
    shop.engine.images.prune(filters=mine)


def ship(shop: ComposeSandbox, version: int) -> None:
    """Other sources than those of the running image."""
    text = shop.read("api/app.py").splitlines()[:-1]
    shop.write(
        "api/app.py",
        "\n".join([*text, f'HTTPServer(("0.0.0.0", 8000), Handler).serve_forever()  # {version}\n']),
    )


@pytest.fixture
def deployed_and_built(shop: ComposeSandbox) -> ComposeSandbox:
    """The reference points to a newer image than the one that runs: built, never deployed."""
    ship(shop, 1)
    shop.compose("build", "api")
    assert image_id(shop, f"{shop.name}-api") != shop.container("api").attrs["Image"]
    return shop


def test_reference_and_container_on_different_images_are_both_led_back_to(
    deployed_and_built: ComposeSandbox, operator: Operator
) -> None:
    """The container runs the image it ran, the reference points to the one it pointed to."""
    rule(deployed_and_built, operator, 6)
    before = stand(deployed_and_built)
    patch = operator.root / "break.patch"
    patch.write_text(BREAK_HEALTH)

    ran = operator.run_local(deployed_and_built.directory, "api", "apply this", "--patch", str(patch))

    record = check_rolled_back(ran, "health_timeout", deployed_and_built, before)
    assert record.rollback is not None
    assert all(row.same for row in record.rollback.compared), record.rollback.compared


def test_reference_and_container_on_different_images_survive_a_restart_that_fails(
    deployed_and_built: ComposeSandbox, operator: Operator
) -> None:
    """A restart deploys the built image; nothing but the run holds the old one, and a prune leaves it."""
    rule(deployed_and_built, operator, 25, *NEVER)
    before = stand(deployed_and_built)
    with operator.dev(deployed_and_built.directory):
        run = start(operator, "restart api")
        operator.until(run, "verify")
        prune_all(deployed_and_built)
        record = ended(operator, run)

    assert record.status is RunStatus.ROLLED_BACK, record.failure
    assert record.rollback is not None
    assert not record.rollback.rebuilt
    assert stand(deployed_and_built) == before


def test_the_previous_image_survives_a_prune_in_mid_run(shop: ComposeSandbox, operator: Operator) -> None:
    """``docker image prune -a`` while the new container is verified: the rollback finds the very image."""
    rule(shop, operator, 25, *NEVER)
    before = stand(shop)
    with operator.dev(shop.directory):
        run = start(operator, "add humanize to api")
        operator.until(run, "verify")
        prune_all(shop)
        record = ended(operator, run)

    assert record.status is RunStatus.ROLLED_BACK, record.failure
    assert record.rollback is not None
    assert not record.rollback.rebuilt
    assert stand(shop) == before
    assert held(shop.engine, run) == []


@pytest.mark.parametrize("all_cached", [False, True], ids=["other sources", "all cached"])
def test_a_previous_image_that_is_gone_is_built_again_and_only_called_identical_where_it_is(
    shop: ComposeSandbox, operator: Operator, all_cached: bool
) -> None:
    """Somebody removed it by force in mid-run: rebuilt from the restored files, and said so.

    From the cache it can become the very image again, where BuildKit still has it: on a daemon that builds
    much else it may have let a step go. What is said must be what is.
    """
    rule(shop, operator, 25, *NEVER)
    if not all_cached:
        shop.write("api/notes.txt", "came after the last build\n")
    old = str(shop.container("api").attrs["Image"])
    files = shop.checksums()
    with operator.dev(shop.directory):
        run = start(operator, "add humanize to api")
        operator.until(run, "verify")
        lose(shop.engine, run, old)
        record = ended(operator, run)

    assert record.status is RunStatus.ROLLED_BACK, record.failure
    assert record.rollback is not None
    assert record.rollback.rebuilt
    api = shop.container("api")
    identical = api.attrs["Image"] == old
    assert all_cached or not identical
    words = "rebuilt, and identical" if identical else "rebuilt, not identical"
    assert words in record.rollback.state
    assert words in artifact_text(record, "rollback.log")
    assert shop.checksums() == files
    assert api.attrs["State"]["Health"]["Status"] == "healthy"
    assert api.attrs["Image"] == image_id(shop, f"{shop.name}-api")
    assert api.exec_run(["python", "-c", "import humanize"]).exit_code != 0


def lose(engine: docker.DockerClient, run: str, image: str) -> None:
    """Remove an image and everything that holds it."""
    for holder in engine.containers.list(all=True, filters={"label": f"io.moonmind.orchestrator.run={run}"}):
        holder.remove(force=True)
    engine.images.remove(image, force=True)


def test_the_last_three_previous_images_are_kept(shop: ComposeSandbox, operator: Operator) -> None:
    """Five successes: the images before the last three are still there after a prune, older ones are not."""
    rule(shop, operator, 60)
    replaced, runs = [], []
    for version in range(KEPT_RUNS + 2):
        replaced.append(str(shop.container("api").attrs["Image"]))
        ship(shop, version)
        record = check_succeeded(operator.run_local(shop.directory, "rebuild api"), shop)
        runs.append(record.run_id)
    prune_all(shop)

    assert held_runs(shop) == set(runs[-KEPT_RUNS:])
    there = set(images_built(shop))
    assert [image in there for image in replaced] == [False, False, True, True, True]
    for run in runs[-KEPT_RUNS:]:
        assert held(shop.engine, run)
