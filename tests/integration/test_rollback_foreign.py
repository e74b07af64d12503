"""Rollback beside somebody else's work on the same service: left alone, named, measured truthfully (I8)."""

import pytest

from activities.adapters import journal_marks
from tests.integration.state_rig import AFTER, BEFORE, REQUIREMENTS, Rig, ids, wait_healthy
from workflows.models.record import RollbackOutcome

pytestmark = [pytest.mark.timeout(240)]


async def rolled_back(rig: Rig, *foreign: str, complete: bool) -> RollbackOutcome:
    """Roll back: the file is back in any case, and exactly these foreign changes are named."""
    outcome = (await rig.rollback()).outcome
    assert outcome.complete is complete, outcome
    assert sorted(outcome.foreign_changes) == sorted(foreign)
    assert rig.bytes_of(REQUIREMENTS) == BEFORE
    log = await rig.text_of("rollback.log")
    for change in foreign:
        name = change.removeprefix("container ").partition(" (")[0].removeprefix("what image ")
        assert name.removesuffix(" is") in log
    return outcome


def api_1(rig: Rig) -> str:
    """The name of the first replica."""
    return f"{rig.sandbox.name}-api-1"


async def test_a_container_that_somebody_removed_is_not_brought_back(rig: Rig) -> None:
    """Before the run touched it: its absence is somebody's decision, and the outcome says so."""
    wait_healthy(rig)
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await rig.build()
    rig.sandbox.compose("rm", "--stop", "--force", "api")
    outcome = await rolled_back(rig, f"container {api_1(rig)} (it is gone)", complete=False)
    assert "api was running and is absent" in outcome.mismatches
    assert ids(rig) == []


async def test_a_container_that_somebody_stopped_is_not_started(rig: Rig) -> None:
    """As long as the run had not begun to replace it; afterwards its stop may be the run's own."""
    wait_healthy(rig)
    (container,) = ids(rig)
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    rig.sandbox.compose("stop", "api")
    await rolled_back(rig, f"container {api_1(rig)} (it was stopped)", complete=False)
    assert rig.sandbox.container("api").status == "exited"
    rig.sandbox.compose("start", "api")
    await rolled_back(rig, complete=True)
    assert ids(rig) == [container]


async def test_a_container_that_somebody_started_is_not_stopped(rig: Rig) -> None:
    """It was down before the run, and the run never started it."""
    wait_healthy(rig)
    rig.sandbox.compose("stop", "api")
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    rig.sandbox.compose("start", "api")
    outcome = await rolled_back(rig, f"container {api_1(rig)} (it was started)", complete=False)
    assert "api was stopped and is running" in outcome.mismatches
    assert rig.sandbox.container("api").status == "running"


async def test_a_container_recreated_as_it_was_is_as_before(rig: Rig) -> None:
    """Somebody's ``up --force-recreate`` of the same image: everything measures the same, and is told."""
    wait_healthy(rig)
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    rig.sandbox.compose("up", "-d", "--no-deps", "--no-build", "--force-recreate", "api")
    (theirs,) = ids(rig)
    outcome = await rolled_back(
        rig, f"container {api_1(rig)} (it is new)", f"container {api_1(rig)} (it is gone)", complete=True
    )
    assert "never replaced" not in outcome.state
    assert ids(rig) == [theirs]


async def test_somebodys_container_of_an_absent_service_stays(rig: Rig) -> None:
    """What the run made goes; what somebody started beside it does not."""
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await rig.build_and_restart()
    rig.sandbox.compose("up", "-d", "--no-deps", "--no-recreate", "--scale", "api=2", "api")
    outcome = await rolled_back(rig, f"container {rig.sandbox.name}-api-2 (it is new)", complete=False)
    assert "api was absent and is running" in outcome.mismatches
    assert str(rig.sandbox.container("api").name) == f"{rig.sandbox.name}-api-2"


async def test_the_tag_of_a_build_that_was_killed_is_the_runs_own(rig: Rig) -> None:
    """The worker died before it could note what the build made: the name goes back, the image goes."""
    wait_healthy(rig)
    old = await rig.docker.image_id(rig.target.image)
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await rig.hold()
    journal_marks.begin_build(rig.guard, await rig.docker.image_mark(rig.target.image), 1)
    rig.sandbox.compose("build", "api")
    made = await rig.docker.image_id(rig.target.image)
    assert made not in {None, old}
    await rolled_back(rig, complete=True)
    assert await rig.docker.image_id(rig.target.image) == old
    assert await rig.docker.image_id(made or "") is None


async def test_somebody_elses_build_keeps_its_name_and_its_image(rig: Rig) -> None:
    """The container goes back to its own image all the same; the name is only borrowed for that."""
    wait_healthy(rig)
    old = rig.sandbox.container("api").image.id
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await rig.build_and_restart()
    rig.sandbox.write("api/extra.txt", "theirs")
    rig.sandbox.write("api/Dockerfile", rig.sandbox.read("api/Dockerfile") + "COPY extra.txt /\n")
    rig.sandbox.compose("build", "api")
    theirs = await rig.docker.image_id(rig.target.image)
    for _ in range(2):  # a retry does not take the name for its own
        outcome = await rolled_back(rig, f"what image {rig.target.image} is", complete=False)
        assert [text for text in outcome.mismatches if "pointed to" not in text] == []
        assert rig.sandbox.container("api").image.id == old
        assert await rig.docker.image_id(rig.target.image) == theirs


async def test_the_log_ends_with_a_table_of_before_and_after(rig: Rig) -> None:
    """Files, reference and container side by side, in words that people and programs can compare."""
    wait_healthy(rig)
    await rig.patch(rig.plan({REQUIREMENTS: AFTER}))
    await rig.build_and_restart()
    outcome = await rolled_back(rig, complete=True)
    assert all(row.same for row in outcome.compared)
    what = [row.what for row in outcome.compared]
    assert what[:3] == [f"file {REQUIREMENTS}", f"image {rig.target.image}", "replicas"]
    assert f"container {api_1(rig)} state" in what
    lines = (await rig.text_of("rollback.log")).splitlines()
    assert "before the run" in lines[-len(what) - 1]
    assert [line.endswith("same") for line in lines[-len(what) :]] == [True] * len(what)
