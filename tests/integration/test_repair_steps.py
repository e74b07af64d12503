"""Build, restart and verify on a real stack: dependency, dependent, one-shot migration, two replicas."""

import asyncio
import json
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from activities.adapters.state_dir import StateDir
from tests.conftest import ComposeFactory
from tests.integration.repair_host import QUICK, RepairHost, inside
from workflows.errors import OrchestratorError
from workflows.models.verification import HttpProbe, Verification

SERVER = """
import http.server, os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
import extra
print("up with", extra.VALUE, "password", os.environ.get("DB_PASSWORD"), flush=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(extra.STATUS)
        self.end_headers()
        self.wfile.write(b"hello " + extra.VALUE.encode())
    def log_message(self, *args): pass
http.server.HTTPServer(("", 8000), Handler).serve_forever()
"""

DOCKERFILE = """
FROM python:3.13-slim
WORKDIR /app
COPY requirements.txt ./
RUN echo "installing $(wc -l < requirements.txt) lines, password s3cr3t-canary-77"
RUN cp requirements.txt extra.py
COPY server.py ./
CMD ["python", "-u", "server.py"]
"""

COMPOSE = """
services:
  api:
    build: .
    depends_on:
      db: {condition: service_started}
      migrate: {condition: service_completed_successfully}
    environment: {DB_PASSWORD: s3cr3t-canary-77}
  db:
    image: python:3.13-slim
    init: true
    command: [sleep, infinity]
  migrate:
    image: python:3.13-slim
    command: ["true"]
  front:
    image: python:3.13-slim
    init: true
    command: [sleep, infinity]
    depends_on: [api]
"""

GOOD = "VALUE = 'fixed'\nSTATUS = 200\n"
SICK = "VALUE = 'sick'\nSTATUS = 503\n"
BROKEN = "raise ModuleNotFoundError(\"No module named 'flask'\", name='flask')\n"

HostFactory = Callable[..., RepairHost]


@pytest_asyncio.fixture
async def host(compose_project: ComposeFactory, tmp_path: Path) -> AsyncIterator[HostFactory]:
    """A factory ``host(files, scale=1)``; what it holds is let go after the test."""
    made: list[RepairHost] = []

    def make(scale: int = 1, **files: str) -> RepairHost:
        named = {name.replace("__", "."): text for name, text in files.items()}
        base = {
            "compose.yaml": COMPOSE,
            "Dockerfile": DOCKERFILE,
            "server.py": SERVER,
            "requirements.txt": BROKEN,
        }
        sandbox = compose_project({**base, **named})
        made.append(RepairHost(sandbox, StateDir(tmp_path / f"state-{len(made)}"), scale=scale))
        return made[-1]

    yield make
    for one in made:
        await one.close()


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


async def test_the_previous_image_survives_a_prune(host: HostFactory):
    """Rebuilt and replaced, the old image has no name left but ours, and a container that uses it."""
    on = host(requirements__txt=GOOD)
    on.sandbox.up()
    journal = await on.open_journal()
    on.sandbox.write("requirements.txt", GOOD.replace("fixed", "other"))
    await on.build("requirements.txt")
    await on.restart("requirements.txt")
    # the engine's own prune would take other tests' images; `rmi` refuses for the same reason
    assert journal.previous_image_id is not None
    assert await on.engine.image_id(journal.previous_image_id) == journal.previous_image_id
    assert await on.engine.holds() >= {on.run_id}
    await on.engine.release_hold(on.run_id)
    assert on.run_id not in await on.engine.holds()
    assert await on.engine.image_id(journal.previous_image_id) is None


async def test_a_failed_build_quotes_the_tool_and_keeps_the_log(host: HostFactory):
    """The error is the tool's own last word, masked; the reference still points to the old image."""
    on = host(requirements__txt=GOOD)
    on.sandbox.up()
    journal = await on.open_journal()
    on.sandbox.write(
        "Dockerfile",
        "FROM python:3.13-slim\n"
        "RUN echo fine && echo 'ERROR: no matching thing for s3cr3t-canary-77' >&2 && exit 4\n",
    )
    with pytest.raises(OrchestratorError) as raised:
        await on.build("Dockerfile")
    error = raised.value
    assert error.code == "build_failed"
    assert "ERROR: no matching thing for [masked]" in error.message
    assert "exit code: 4" in await on.text(error.artifacts, "build.log")
    assert (await on.engine.image_id(on.target.image)) == journal.tag_image_id


async def test_build_output_reaches_its_file_while_the_build_runs(host: HostFactory):
    """An operator can read along (SPEC FR-005); a cancellation ends the build and keeps the log."""
    slow = DOCKERFILE.replace("RUN echo", "RUN echo early-words && sleep 47.11 && echo")
    on = host(Dockerfile=slow)
    await on.open_journal()
    build = asyncio.create_task(on.build("requirements.txt"))
    printed = re.compile(rb"^#\d+ [\d.]+ early-words$", re.MULTILINE)
    await _until(lambda: printed.search(_content(on.growing("build.log"))) or build.done())
    assert not build.done()
    build.cancel()
    with pytest.raises(asyncio.CancelledError):
        await build
    assert b"early-words" in _content(on.growing("build.log"))
    assert not list(on.state.children.iterdir())
    async with on.journals.locked(on.sandbox.name):  # the lock was let go
        pass


async def _until(condition: Callable[[], object], pause_seconds: float = 0.05) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        await asyncio.sleep(pause_seconds)


def _content(path: Path | None) -> bytes:
    return path.read_bytes() if path else b""


async def test_a_patch_outside_the_image_is_ineffective(host: HostFactory):
    """The image is the very one that runs: nothing would change by a restart."""
    on = host(requirements__txt=GOOD, notes__txt="one")
    on.sandbox.up()
    await on.open_journal()
    on.sandbox.write("notes.txt", "two")
    on.sandbox.write(".dockerignore", "notes.txt\n")
    with pytest.raises(OrchestratorError) as raised:
        await on.build("notes.txt")
    assert raised.value.code == "patch_ineffective"


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
    assert 0 < restarted.downtime_seconds < 10
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
    assert "killed after 1." in warning


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


def mounting(volumes: str) -> str:
    """The stack with these volumes on the target."""
    return COMPOSE.replace("    build: .\n", f"    build: .\n    volumes: [{volumes}]\n", 1)


async def test_anonymous_volume_over_installed_packages_is_renewed(host: HostFactory):
    """The usual ``node_modules`` volume would keep the old dependencies; it is renewed, and told."""
    dockerfile = DOCKERFILE + "RUN mkdir node_modules && cp requirements.txt node_modules/marker\n"
    on = host(
        compose__yaml=mounting("/app/node_modules"),
        Dockerfile=dockerfile,
        requirements__txt=GOOD,
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


async def test_a_crash_fails_at_once_and_quotes_the_last_line(host: HostFactory):
    """Long before the maximum wait, with exit code and the line that says why."""
    on = host()
    on.sandbox.up()
    await on.open_journal()
    await on.restart(force_recreate=True)
    verified = await on.verify(Verification(max_wait_seconds=60))
    assert verified.failure is not None
    assert verified.failure.code == "container_crashed"
    assert "exited with code 1" in verified.failure.message
    assert "No module named 'flask'" in verified.failure.message
    assert verified.duration_seconds < 10
    assert "Traceback" in await on.text(verified.artifacts, "verify.log")


async def test_a_crash_loop_fails_at_once(host: HostFactory):
    """Docker restarts it again and again; the grown count is enough, whenever it is looked at."""
    looping = COMPOSE.replace("    build: .\n", "    build: .\n    restart: always\n", 1)
    on = host(compose__yaml=looping)
    on.sandbox.compose("build", "api")
    await on.open_journal()
    await on.restart()
    verified = await on.verify(Verification(max_wait_seconds=60))
    assert verified.failure is not None
    assert verified.failure.code == "container_crashed"
    assert "No module named 'flask'" in verified.failure.message
    assert verified.duration_seconds < 10


async def test_an_endpoint_that_never_gets_ready_times_out(host: HostFactory):
    """SPEC edge case; the probes' answers are in the log, the failure names the last one."""
    on = host(requirements__txt=SICK)
    on.sandbox.up()
    await on.open_journal()
    rules = Verification(http=(inside(),), max_wait_seconds=1.5, stability_window_seconds=1)
    verified = await on.verify(rules)
    assert verified.failure is not None
    assert verified.failure.code == "health_timeout"
    assert "503, wanted 200" in verified.failure.message
    assert 1.5 <= verified.duration_seconds < 5
    log = await on.text(verified.artifacts, "verify.log")
    assert log.count("503, wanted 200") > 10
    assert "s3cr3t-canary-77" not in log


async def test_good_then_bad_is_not_stable(host: HostFactory):
    """A health check that turns within the stability window."""
    turning = COMPOSE.replace(
        "    build: .\n",
        """    build: .
    healthcheck:
      test: ["CMD", "python", "-c", "import os, sys; sys.exit(os.path.exists('/app/sick'))"]
      interval: 200ms
      retries: 1
""",
        1,
    )
    on = host(compose__yaml=turning, requirements__txt=GOOD)
    on.sandbox.up()
    await on.open_journal()
    await on.restart(force_recreate=True)
    verify = asyncio.create_task(on.verify(Verification(max_wait_seconds=4, stability_window_seconds=30)))
    await _until(lambda: b"ok   health" in _content(on.growing("verify.log")) or verify.done())
    on.sandbox.compose("exec", "-T", "api", "touch", "/app/sick")
    failure = (await verify).failure
    assert failure is not None
    assert failure.code == "not_stable"
    assert "unhealthy" in failure.message


async def test_a_probe_from_the_worker_and_one_for_a_text(host: HostFactory):
    """A published port is asked from outside; the body must hold the wanted text."""
    published = COMPOSE.replace("    build: .\n", '    build: .\n    ports: ["127.0.0.1::8000"]\n', 1)
    on = host(compose__yaml=published, requirements__txt=GOOD)
    on.sandbox.up()
    port = on.sandbox.compose("port", "api", "8000").stdout.strip().rpartition(":")[2]
    await on.open_journal()
    url = f"http://127.0.0.1:{port}/"
    good = HttpProbe(url=url, body_contains="hello fixed")
    assert (await on.verify(QUICK.model_copy(update={"http": (good,)}))).failure is None
    rules = Verification(http=(HttpProbe(url=url, body_contains="nowhere"),), max_wait_seconds=0.5)
    failure = (await on.verify(rules)).failure
    assert failure is not None
    assert "does not contain the wanted text" in failure.message


async def test_a_touched_neighbour_is_a_failure(host: HostFactory):
    """Healthy, but somebody restarted the database meanwhile: that is not hidden."""
    on = host(requirements__txt=GOOD)
    on.sandbox.up()
    await on.open_journal()
    on.sandbox.compose("restart", "-t", "1", "db")
    verified = await on.verify()
    assert verified.failure is not None
    assert verified.failure.code == "neighbour_changed"
    assert f"{on.sandbox.name}-db-1 (restarted)" in verified.failure.message


async def test_a_neighbour_that_crashes_by_itself_is_a_warning(host: HostFactory):
    """Its restart policy brought it back; nobody asked Docker for it."""
    falling = COMPOSE.replace(
        "    command: [sleep, infinity]\n", "    restart: always\n    command: [sleep, '4']\n", 1
    )
    on = host(compose__yaml=falling, requirements__txt=GOOD)
    on.sandbox.up()
    await on.open_journal()
    verified = await on.verify(Verification(stability_window_seconds=5))
    assert verified.failure is None
    (warning,) = verified.warnings
    assert warning.startswith("neighbour_restarted: ")
    assert "db-1" in warning


async def test_a_settled_journal_stops_build_and_restart(host: HostFactory):
    """A zombie step of a recovered run changes nothing."""
    on = host(requirements__txt=GOOD)
    on.sandbox.up()
    before = await on.containers()
    await on.open_journal()
    on.journals.raise_epoch(on.run_id, 1, by="recover")
    for step in (on.build("requirements.txt"), on.restart(force_recreate=True)):
        with pytest.raises(OrchestratorError) as raised:
            await step
        assert raised.value.code == "journal_settled"
    assert await on.containers() == before


async def test_a_killed_up_is_finished_by_the_next_attempt(host: HostFactory):
    """SIGKILL between stop and start of the old container leaves a mess; the retry clears it."""
    on = host(requirements__txt=GOOD)
    on.sandbox.up()
    await on.open_journal()
    on.sandbox.write("requirements.txt", GOOD.replace("fixed", "later"))
    built = await on.build("requirements.txt")
    restart = asyncio.create_task(on.restart("requirements.txt"))
    await _until(lambda: b"Recreate" in _content(on.growing("restart.log")), 0.002)
    for pid in _compose_processes(on.sandbox.name):
        os.kill(pid, signal.SIGKILL)
    outcome = (await asyncio.gather(restart, return_exceptions=True))[0]
    assert not isinstance(outcome, OrchestratorError) or outcome.code == "restart_failed"
    done = await on.restart("requirements.txt")
    assert [c.name for c in done.snapshot.containers] == [f"{on.sandbox.name}-api-1"]
    assert done.snapshot.containers[0].image_id == built.image_id
    assert (await on.verify()).failure is None


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
