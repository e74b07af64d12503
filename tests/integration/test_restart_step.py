"""Restart on a real stack: the target only, retried, killed, refused where a mount masks it (SPEC FR-006)."""

import asyncio
import json
import os
import re
import signal
from pathlib import Path

import pytest

from tests.integration.repair_host import QUICK, inside
from tests.integration.repair_stack import (
    COMPOSE,
    DOCKERFILE,
    GOOD,
    SERVER,
    HostFactory,
    content,
    until,
)
from workflows.errors import OrchestratorError


async def test_a_retry_of_a_forced_restart_does_not_restart_again(host: HostFactory):
    """The worker died before it could say that it was done; the downtime of the first attempt counts."""
    on = host(requirements__txt=GOOD)
    on.sandbox.up()
    await on.open_journal()
    first = await on.restart(force_recreate=True)
    second = await on.restart(force_recreate=True)
    assert [c.id for c in second.snapshot.containers] == [c.id for c in first.snapshot.containers]
    assert second.downtime_seconds == first.downtime_seconds
    (journal,) = on.journals.all()
    assert journal.containers_made == tuple(c.id for c in first.snapshot.containers)
    assert all(up.ended_at for up in journal.ups)


async def test_a_service_that_somebody_recreated_is_not_restarted(host: HostFactory):
    """`foreign_change` names the container before anything is stopped (I8)."""
    on = host(requirements__txt=GOOD)
    on.sandbox.up()
    await on.open_journal()
    on.sandbox.compose("up", "-d", "--no-deps", "--force-recreate", "api")
    theirs = await on.containers()
    with pytest.raises(OrchestratorError, match=rf"foreign_change.*{on.sandbox.name}-api-1 \(it is new\)"):
        await on.restart(force_recreate=True)
    assert await on.containers() == theirs


async def test_an_image_that_somebody_named_so_is_not_deployed(host: HostFactory):
    """Between build and restart the reference was moved: what it points to now was never approved."""
    on = host(requirements__txt=GOOD)
    on.sandbox.up()
    before = await on.containers()
    await on.open_journal()
    on.sandbox.write("requirements.txt", GOOD.replace("fixed", "moved"))
    await on.build("requirements.txt")
    on.sandbox.engine.images.get("python:3.13-slim").tag(on.target.image)
    with pytest.raises(OrchestratorError, match=r"foreign_change.*what image"):
        await on.restart("requirements.txt")
    assert await on.containers() == before


def mounting(volumes: str) -> str:
    """The stack with these volumes on the target."""
    return COMPOSE.replace("    build: .\n", f"    build: .\n    volumes: [{volumes}]\n", 1)


def _compose_processes(project: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if entry.name.isdigit() and project.encode() in line and b"compose" in line:
            found.append(int(entry.name))
    return found


async def test_a_broken_service_is_repaired_and_nobody_else_is_touched(host: HostFactory):
    """Build, restart, verify: two replicas, the migration not run again, evidence without secrets."""
    on = host(scale=2)
    on.sandbox.compose("up", "-d", "--build", "--scale", "api=2")
    await on.open_journal()
    neighbours = on.sandbox.fingerprints(without="api")
    on.sandbox.write("requirements.txt", f"{GOOD}# {on.run_id}: no cache has this\n")

    built = await on.build("requirements.txt")
    assert built.previous_image_id is not None
    assert built.image_id != built.previous_image_id
    log = await on.text(built.artifacts, "build.log")
    assert "installing 3 lines" in log
    assert "s3cr3t-canary-77" not in log
    assert "[masked]" in log

    restarted = await on.restart("requirements.txt")
    assert len(restarted.snapshot.containers) == 2
    assert {c.image_id for c in restarted.snapshot.containers} == {built.image_id}
    old_log = await on.text(restarted.artifacts, "service-before.log")
    assert old_log.count("\nModuleNotFoundError: No module named 'flask'") == 2
    assert "Recreated" in await on.text(restarted.artifacts, "restart.log")

    verified = await on.verify(QUICK.model_copy(update={"http": (inside(),)}))
    assert verified.failure is None
    assert verified.neighbours is not None
    assert verified.neighbours.untouched
    assert on.sandbox.fingerprints(without="api") == neighbours
    assert {probe.check for probe in verified.probes} >= {"state", "http http://127.0.0.1:8000/"}
    lines = await on.text(verified.artifacts, "verify.log")
    assert "verdict: healthy" in lines
    proof = json.loads(await on.text(verified.artifacts, "containers.json"))
    assert {state["service"] for state in proof["after"]} == {"db", "migrate", "front"}


async def test_a_restart_plan_builds_nothing(host: HostFactory):
    """The build step passes through; a forced restart gives a new container of the same image."""
    on = host(requirements__txt=GOOD)
    on.sandbox.up()
    journal = await on.open_journal()
    built = await on.build(build=False)
    assert (built.image_id, built.artifacts) == (journal.tag_image_id, ())
    restarted = await on.restart(force_recreate=True)
    assert restarted.snapshot.containers[0].id != journal.snapshot.containers[0].id
    assert restarted.downtime_seconds is not None
    assert 0 < restarted.downtime_seconds < 120
    assert restarted.warnings == ()
    assert (await on.verify()).failure is None


async def test_a_retry_of_the_restart_keeps_evidence_and_containers(host: HostFactory):
    """The second attempt finds the work done: same container, and the old container's log kept."""
    on = host()
    on.sandbox.up()
    await on.open_journal()
    on.sandbox.write("requirements.txt", GOOD)
    await on.build("requirements.txt")
    first = await on.restart("requirements.txt")
    second = await on.restart("requirements.txt")
    assert [c.id for c in second.snapshot.containers] == [c.id for c in first.snapshot.containers]
    assert "No module named 'flask'" in await on.text(second.artifacts, "service-before.log")


async def test_sigterm_ignored_is_told(host: HostFactory):
    """A PID 1 without a handler costs its grace period at every restart."""
    deaf = COMPOSE.replace("    build: .\n", "    build: .\n    stop_grace_period: 1s\n", 1)
    server = SERVER.replace("signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))", "")
    on = host(compose__yaml=deaf, server__py=server, requirements__txt=GOOD)
    on.sandbox.up()
    await on.open_journal()
    restarted = await on.restart(force_recreate=True)
    (warning,) = restarted.warnings
    assert warning.startswith("sigterm_ignored: ")
    assert re.search(r"killed after \d+\.\d", warning)


async def test_a_stopped_and_an_absent_service_are_started(host: HostFactory):
    """No downtime of ours is claimed where nothing ran."""
    on = host(requirements__txt=GOOD)
    on.sandbox.up("db", "migrate")
    on.sandbox.compose("build", "api")
    await on.open_journal()
    started = await on.restart()
    assert started.downtime_seconds is None
    assert started.snapshot.containers[0].up
    on.sandbox.compose("stop", "-t", "1", "api")
    assert (await on.restart()).snapshot.containers[0].up
    assert (await on.verify()).failure is None


async def test_a_missing_image_is_named(host: HostFactory):
    """Nothing is pulled or built on the way."""
    on = host()
    await on.open_journal()
    for step in (on.build(build=False), on.restart()):
        with pytest.raises(OrchestratorError) as raised:
            await step
        assert raised.value.code == "image_missing"


async def test_anonymous_volume_over_installed_packages_is_renewed(host: HostFactory):
    """The usual ``node_modules`` volume would keep the old dependencies; it is renewed, and told."""
    dockerfile = DOCKERFILE + "RUN mkdir node_modules && cp requirements.txt node_modules/marker\n"
    on = host(
        compose__yaml=mounting("/app/node_modules"),
        Dockerfile=dockerfile,
        requirements__txt=GOOD,
        package__json="{}",
    )
    on.sandbox.up()
    (old_volume,) = await on.engine.anonymous_volumes((await on.containers())[0].id)
    await on.open_journal()
    on.sandbox.write("requirements.txt", GOOD.replace("fixed", "renewed"))
    await on.build("package.json")
    restarted = await on.restart("package.json")
    marker = on.sandbox.compose("exec", "-T", "api", "cat", "node_modules/marker").stdout
    assert "renewed" in marker
    (warning,) = restarted.warnings
    assert old_volume in warning
    assert on.journals.read(on.run_id).volumes_left == (old_volume,)
    on.sandbox.engine.volumes.get(old_volume).remove()


@pytest.mark.parametrize(
    ("volumes", "says"),
    [
        ('"./vendor:/app/node_modules"', "vendor"),
        ('".:/app"', "hides /app/node_modules"),
        ('"/app/node_modules", "/data"', "/data"),
    ],
)
async def test_a_mount_that_hides_the_patch_is_refused(host: HostFactory, volumes: str, says: str):
    """Before anything is stopped: the running container stays."""
    on = host(compose__yaml=mounting(volumes), requirements__txt=GOOD, extra__py=GOOD)
    on.sandbox.up()
    before = await on.containers()
    await on.open_journal()
    with pytest.raises(OrchestratorError) as raised:
        await on.restart("package.json")
    assert raised.value.code == "patch_masked"
    assert says in raised.value.message
    assert await on.containers() == before


async def test_a_killed_up_is_finished_by_the_next_attempt(host: HostFactory):
    """SIGKILL between stop and start of the old container leaves a mess; the retry clears it."""
    on = host(requirements__txt=GOOD)
    on.sandbox.up()
    await on.open_journal()
    on.sandbox.write("requirements.txt", GOOD.replace("fixed", "later"))
    built = await on.build("requirements.txt")
    restart = asyncio.create_task(on.restart("requirements.txt"))
    await until(lambda: b"Recreate" in content(on.growing("restart.log")), 0.002)
    for pid in _compose_processes(on.sandbox.name):
        os.kill(pid, signal.SIGKILL)
    outcome = (await asyncio.gather(restart, return_exceptions=True))[0]
    assert not isinstance(outcome, OrchestratorError) or outcome.code == "restart_failed"
    done = await on.restart("requirements.txt")
    assert [c.name for c in done.snapshot.containers] == [f"{on.sandbox.name}-api-1"]
    assert done.snapshot.containers[0].image_id == built.image_id
    assert done.downtime_seconds is not None, "the first attempt's order is in the journal"
    assert "the step begins again" in await on.text(done.artifacts, "restart.log")
    assert (await on.verify()).failure is None
