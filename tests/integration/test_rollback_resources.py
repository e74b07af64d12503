"""Rollback of images, volumes, networks and replicas on a real Docker engine (SPEC FR-008)."""

from pathlib import Path

import docker
import pytest

from tests.conftest import ComposeFactory
from tests.integration.state_rig import (
    AFTER,
    BEFORE,
    COMPOSE,
    FILES,
    REQUIREMENTS,
    RUN,
    Rig,
    ids,
    wait_healthy,
)

pytestmark = [pytest.mark.timeout(240)]


async def test_reference_and_container_on_different_images(rig: Rig) -> None:
    """The container runs its old image again, and the reference points to the other one again."""
    wait_healthy(rig)
    container_image = rig.sandbox.container("api").image.id
    rig.sandbox.write("api/requirements.txt", "built but never deployed\n")
    rig.sandbox.compose("build", "api")
    tag_image = await rig.docker.image_id(rig.target.image)
    assert tag_image != container_image
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await rig.build_and_restart()
    done = await rig.rollback()
    assert done.outcome.complete, done.outcome.mismatches
    assert rig.sandbox.container("api").image.id == container_image
    assert await rig.docker.image_id(rig.target.image) == tag_image
    await rig.docker.release_hold(RUN)
    assert rig.sandbox.container("api").status == "running"


async def test_renewed_anonymous_volumes_do_not_come_along(
    compose_project: ComposeFactory, tmp_path: Path, docker_engine: docker.DockerClient
) -> None:
    """The restart renewed them for the new dependencies; the old image gets its own, nothing is left."""
    hidden = COMPOSE.replace('["data:/data"]', '["/dependencies"]')
    dockerfile = FILES["api/Dockerfile"].replace("/requirements.txt", "/dependencies/requirements.txt")
    rig = Rig(compose_project(FILES | {"compose.yaml": hidden, "api/Dockerfile": dockerfile}), tmp_path)
    wait_healthy(rig)
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    (former,) = rig.journal.anonymous_volumes
    await rig.build()
    await rig.up("--renew-anon-volumes")
    (renewed,) = [m["Name"] for m in rig.sandbox.container("api").attrs["Mounts"]]
    done = await rig.rollback()
    assert done.outcome.complete, done.outcome.mismatches
    inside = rig.sandbox.container("api").exec_run(["cat", "/dependencies/requirements.txt"])
    assert inside.output == BEFORE
    assert any(former in lasting for lasting in done.outcome.not_undone)
    volumes = {volume.name for volume in docker_engine.volumes.list()}
    assert former in volumes
    assert renewed not in volumes
    docker_engine.volumes.get(former).remove()
    await rig.docker.release_hold(RUN)


async def test_anonymous_volumes_with_data_are_carried_back(
    compose_project: ComposeFactory, tmp_path: Path
) -> None:
    """Where nobody renewed them, they are the service's data: old, new and old container share them."""
    rig = Rig(compose_project(FILES | {"compose.yaml": COMPOSE.replace("data:/data", "/data")}), tmp_path)
    wait_healthy(rig)
    rig.sandbox.container("api").exec_run(["sh", "-c", "echo mine > /data/row"])
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await rig.build_and_restart()
    assert (await rig.rollback()).outcome.complete
    assert rig.sandbox.container("api").exec_run(["cat", "/data/row"]).output == b"mine\n"
    await rig.docker.release_hold(RUN)


async def test_replicas_come_back_as_many_as_they_were(rig: Rig) -> None:
    """Two replicas before, two after, each on the old image."""
    rig.sandbox.compose("up", "-d", "--build", "--wait", "--scale", "api=2")
    old = {str(c.name): c.image.id for c in rig.sandbox.containers("api")}
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await rig.build()
    await rig.up("--scale", "api=2")
    done = await rig.rollback()
    assert done.outcome.complete, done.outcome.mismatches
    assert {str(c.name): c.image.id for c in rig.sandbox.containers("api")} == old


async def test_the_old_image_is_gone_after_all(rig: Rig, docker_engine: docker.DockerClient) -> None:
    """It is built again from the restored files, and that is said."""
    wait_healthy(rig)
    old_image = str(rig.sandbox.container("api").image.id)
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await rig.build_and_restart()
    await rig.docker.release_hold(RUN)  # pruned by somebody who knows no mercy
    if await rig.docker.image_id(old_image) is not None:
        docker_engine.images.remove(old_image, force=True)
    done = await rig.rollback()
    assert done.outcome.complete, done.outcome.mismatches
    assert done.outcome.rebuilt
    assert "rebuilt, and identical" in done.outcome.state  # from the cache: the very image
    inside = rig.sandbox.container("api").exec_run(["cat", "/requirements.txt"])
    assert inside.output == BEFORE


async def test_absent_before(rig: Rig, docker_engine: docker.DockerClient) -> None:
    """Container, image, network and volume of this run go; what was there before stays."""
    rig.sandbox.compose("up", "-d", "store")
    neighbours = rig.sandbox.fingerprints()
    mine = {"label": f"com.docker.compose.project={rig.sandbox.name}"}
    networks = [network.id for network in docker_engine.networks.list(filters=mine)]
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await rig.build_and_restart()
    assert [v.name for v in docker_engine.volumes.list(filters=mine)] == [f"{rig.sandbox.name}_data"]
    done = await rig.rollback()
    assert done.outcome.complete, done.outcome.mismatches
    assert done.outcome.state == "api has no container, as before."
    assert ids(rig) == []
    assert await rig.docker.image_id(rig.target.image) is None
    assert docker_engine.volumes.list(filters=mine) == []
    assert [network.id for network in docker_engine.networks.list(filters=mine)] == networks
    assert rig.sandbox.fingerprints() == neighbours


async def test_a_whole_project_absent_before(rig: Rig, docker_engine: docker.DockerClient) -> None:
    """The network that Compose made for the first container goes, too; somebody's new volume stays."""
    mine = {"label": f"com.docker.compose.project={rig.sandbox.name}"}
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await rig.build_and_restart()
    docker_engine.volumes.create(
        f"{rig.sandbox.name}_theirs", labels={"com.docker.compose.project": rig.sandbox.name}
    )
    done = await rig.rollback()
    assert done.outcome.complete, done.outcome.mismatches
    assert docker_engine.networks.list(filters=mine) == []
    assert [v.name for v in docker_engine.volumes.list(filters=mine)] == [f"{rig.sandbox.name}_theirs"]
    assert f"Volume {rig.sandbox.name}_theirs is new but not known to be this run's" in await rig.text_of(
        "rollback.log"
    )
