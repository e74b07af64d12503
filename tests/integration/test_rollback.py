"""Rollback on a real Docker engine: everything back, measured (SPEC FR-008, I4)."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.conftest import ComposeFactory
from tests.integration.state_rig import (
    AFTER,
    BEFORE,
    FILES,
    REQUIREMENTS,
    RUN,
    Rig,
    ids,
    wait_healthy,
)
from workflows.errors import OrchestratorError

pytestmark = [pytest.mark.timeout(240)]

CRASH_LOOP = FILES | {
    "api/Dockerfile": "FROM python:3.13-slim\nCOPY requirements.txt /\nCMD python -c 'exit(3)'\n",
    "compose.yaml": "services:\n  api:\n    build: ./api\n    restart: always\n",
}


def wait_for_a_restart(rig: Rig, times: int = 1) -> None:
    """Until Docker restarted the crashing api so many times."""
    deadline = time.monotonic() + 60
    while rig.sandbox.container("api").attrs["RestartCount"] < times:
        assert time.monotonic() < deadline
        time.sleep(0.2)


async def test_running_and_healthy_before(rig: Rig) -> None:
    """Files, image, reference and health are back, the neighbour was never touched, all of it measured."""
    wait_healthy(rig)
    old_image = rig.sandbox.container("api").image.id
    neighbours = rig.sandbox.fingerprints(without="api")
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await rig.build_and_restart()
    assert rig.sandbox.container("api").image.id != old_image
    done = await rig.rollback()
    assert done.outcome.complete, done.outcome.mismatches
    assert done.outcome.state == "api runs its previous image again and is healthy."
    assert done.outcome.image_id_before == done.outcome.image_id_after == old_image
    assert rig.sandbox.container("api").image.id == old_image
    assert rig.sandbox.container("api").status == "running"
    assert await rig.docker.image_id(rig.target.image) == old_image
    assert rig.bytes_of(REQUIREMENTS) == BEFORE
    assert rig.sandbox.fingerprints(without="api") == neighbours
    assert done.neighbours is not None
    assert done.neighbours.untouched
    assert "data that the service wrote" in done.outcome.not_undone[0]
    log = await rig.text_of("rollback.log")
    assert f"{REQUIREMENTS} was restored byte for byte." in log
    assert "Recreate" in log
    assert rig.journal.settled is None  # the report settles it
    assert rig.journal.rollback == done.outcome


async def test_containers_that_were_not_reached_are_not_touched(rig: Rig) -> None:
    """Failed while building: files and reference go back, the container goes on as if nothing happened."""
    wait_healthy(rig)
    before = rig.sandbox.fingerprints()
    old_image = rig.sandbox.container("api").image.id
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await rig.build()
    assert await rig.docker.image_id(rig.target.image) != old_image
    done = await rig.rollback()
    assert done.outcome.complete, done.outcome.mismatches
    assert "never replaced" in done.outcome.state
    assert done.outcome.not_undone == ()
    assert rig.sandbox.fingerprints() == before
    assert await rig.docker.image_id(rig.target.image) == old_image


async def test_stopped_before(rig: Rig) -> None:
    """A stopped service is stopped again, on its previous image."""
    wait_healthy(rig)
    rig.sandbox.compose("stop", "-t", "1", "api")
    old_image = rig.sandbox.container("api").image.id
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await rig.build_and_restart()
    assert rig.sandbox.container("api").status == "running"
    done = await rig.rollback()
    assert done.outcome.complete, done.outcome.mismatches
    assert done.outcome.state == "api is stopped, as before."
    assert rig.sandbox.container("api").status in {"created", "exited"}
    assert rig.sandbox.container("api").image.id == old_image


async def test_a_stopped_container_that_was_only_started(rig: Rig) -> None:
    """A plain restart starts the very container; the rollback stops it."""
    wait_healthy(rig)
    rig.sandbox.compose("stop", "-t", "1", "api")
    container = ids(rig)
    await rig.patch(rig.plan({}))
    await rig.up()
    assert ids(rig) == container
    assert (await rig.rollback()).outcome.complete
    assert ids(rig) == container
    assert rig.sandbox.container("api").status == "exited"


async def test_a_killed_up_that_left_both_containers(rig: Rig) -> None:
    """The old one was renamed and stopped, the new one created: the old one gets its name and runs again."""
    wait_healthy(rig)
    old = rig.sandbox.container("api")
    name = str(old.name)
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await rig.build()
    await rig.begin_up()
    rig.sandbox.compose("create", "--no-build", "--no-recreate", "--scale", "api=2", "api")
    old.rename(f"{str(old.id)[:12]}_{name}")
    old.stop(timeout=1)
    assert len(ids(rig)) == 2
    done = await rig.rollback()
    assert done.outcome.complete, done.outcome.mismatches
    assert ids(rig) == [str(old.id)]
    assert str(rig.sandbox.container("api").name) == name
    assert rig.sandbox.container("api").status == "running"


async def test_a_crash_looping_service_is_led_back_to_its_crash_loop(
    compose_project: ComposeFactory, tmp_path: Path
) -> None:
    """Restored to its previous, unhealthy state: said truthfully, and not waited for."""
    rig = Rig(compose_project(CRASH_LOOP), tmp_path)
    rig.sandbox.up()
    wait_for_a_restart(rig)
    old_image = rig.sandbox.container("api").image.id
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await rig.build_and_restart()
    rig.with_patience(3600.0)  # the test's own time limit proves that this was not waited for
    done = await rig.rollback()
    assert done.outcome.complete, done.outcome.mismatches
    assert "restored to its previous, unhealthy state" in done.outcome.state
    assert rig.sandbox.container("api").image.id == old_image
    await rig.docker.release_hold(RUN)


async def test_a_crash_looping_container_gets_its_name_back(
    compose_project: ComposeFactory, tmp_path: Path
) -> None:
    """Docker answers 404 to a rename between two starts; the container is there all the same (seed 101)."""
    rig = Rig(compose_project(CRASH_LOOP), tmp_path)
    rig.sandbox.up()
    wait_for_a_restart(rig)
    old = rig.sandbox.container("api")
    name = str(old.name)
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    old.stop(timeout=1)  # down it can be renamed
    old.rename(f"{str(old.id)[:12]}_{name}")
    old.start()
    wait_for_a_restart(rig, 5)  # now it waits for seconds between two starts
    done = await rig.rollback()
    assert done.outcome.complete, done.outcome.mismatches
    assert str(rig.sandbox.container("api").name) == name
    assert rig.sandbox.container("api").status in {"restarting", "running"}
    await rig.docker.release_hold(RUN)


async def test_somebody_elses_edit_survives_and_is_reported(rig: Rig) -> None:
    """Incomplete, with the file named; the service itself is led back all the same (I8)."""
    wait_healthy(rig)
    old_image = rig.sandbox.container("api").image.id
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await rig.build_and_restart()
    (rig.workspace / REQUIREMENTS).write_bytes(b"theirs\n")
    done = await rig.rollback()
    assert not done.outcome.complete
    assert done.outcome.foreign_changes == (REQUIREMENTS,)
    assert done.outcome.mismatches == (f"{REQUIREMENTS} is not as it was",)
    assert rig.bytes_of(REQUIREMENTS) == b"theirs\n"
    assert rig.sandbox.container("api").image.id == old_image
    (rig.workspace / REQUIREMENTS).write_bytes(AFTER)  # the person takes the edit back
    assert (await rig.rollback()).outcome.complete
    assert rig.bytes_of(REQUIREMENTS) == BEFORE


async def test_an_interim_rollback_settles_its_generation(rig: Rig) -> None:
    """Between rounds: settled, the image let go, a retry hears the same, a late step changes nothing."""
    wait_healthy(rig)
    patched = await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await rig.build_and_restart()
    done = await rig.rollback(final=False)
    assert done.outcome.complete, done.outcome.mismatches
    settled = rig.journal.settled
    assert settled is not None
    assert (settled.by, settled.outcome) == ("rollback", "rolled_back")
    assert RUN not in await rig.docker.holds()
    again = await rig.rollback(final=False)
    assert again.outcome == done.outcome
    with pytest.raises(OrchestratorError, match="journal_settled"):
        await rig.patch(rig.plan({REQUIREMENTS: AFTER}), rig.run(2, epoch=patched.epoch))
    assert rig.bytes_of(REQUIREMENTS) == BEFORE


async def test_a_late_step_of_a_rolled_back_run_changes_nothing(rig: Rig) -> None:
    """The epoch was raised before anything was put back."""
    patched = await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    assert (await rig.rollback()).outcome.complete
    with pytest.raises(OrchestratorError, match="settled by rollback"):
        await rig.patch(rig.plan({REQUIREMENTS: AFTER}), rig.run(1, epoch=patched.epoch))
    with pytest.raises(OrchestratorError, match="journal_settled"):
        async with rig.journals.holding(rig.sandbox.name, RUN, 1, patched.epoch):
            raise AssertionError("a late build was let in")
    assert rig.bytes_of(REQUIREMENTS) == BEFORE


@pytest.mark.parametrize("after_seconds", [0.0, 0.3, 0.8, 1.6])
async def test_a_rollback_that_is_killed_is_simply_done_again(rig: Rig, after_seconds: float) -> None:
    """Cut off at some instant; the next attempt finds out what is left to do."""
    wait_healthy(rig)
    old_image = rig.sandbox.container("api").image.id
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await rig.build_and_restart()
    first = asyncio.create_task(rig.rollback())
    await asyncio.wait([first], timeout=after_seconds)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    done = await rig.rollback()
    assert done.outcome.complete, done.outcome.mismatches
    assert rig.bytes_of(REQUIREMENTS) == BEFORE
    assert [c.image.id for c in rig.sandbox.containers("api")] == [old_image]
    assert await rig.docker.image_id(rig.target.image) == old_image
    assert str(rig.sandbox.container("api").name) == f"{rig.sandbox.name}-api-1"
