"""Verify on a real stack: healthy, crashed, unstable, and the neighbours (SPEC FR-006, FR-007)."""

import asyncio

from tests.integration.repair_host import QUICK, inside
from tests.integration.repair_stack import (
    COMPOSE,
    GOOD,
    SICK,
    HostFactory,
    content,
    until,
)
from workflows.models.verification import HttpProbe, Verification


async def test_a_crash_fails_at_once_and_quotes_the_last_line(host: HostFactory):
    """Long before the maximum wait, with exit code and the line that says why."""
    on = host()
    on.sandbox.up()
    await on.open_journal()
    await on.restart(force_recreate=True)
    verified = await on.verify(Verification(max_wait_seconds=600))
    assert verified.failure is not None
    assert verified.failure.code == "container_crashed"
    assert "exited with code 1" in verified.failure.message
    assert "No module named 'flask'" in verified.failure.message
    assert verified.duration_seconds < 60
    assert "Traceback" in await on.text(verified.artifacts, "verify.log")


async def test_a_crash_loop_fails_at_once(host: HostFactory):
    """Docker restarts it again and again; the grown count is enough, whenever it is looked at."""
    looping = COMPOSE.replace("    build: .\n", "    build: .\n    restart: always\n", 1)
    on = host(compose__yaml=looping)
    on.sandbox.compose("build", "api")
    await on.open_journal()
    await on.restart()
    verified = await on.verify(Verification(max_wait_seconds=600))
    assert verified.failure is not None
    assert verified.failure.code == "container_crashed"
    assert "No module named 'flask'" in verified.failure.message
    assert verified.duration_seconds < 60


async def test_an_endpoint_that_never_gets_ready_times_out(host: HostFactory):
    """SPEC edge case; the probes' answers are in the log, the failure names the last one."""
    on = host(requirements__txt=SICK)
    on.sandbox.up()
    await on.open_journal()
    rules = Verification(http=(inside(),), max_wait_seconds=6, stability_window_seconds=1)
    verified = await on.verify(rules)
    assert verified.failure is not None
    assert verified.failure.code == "health_timeout"
    assert "503, wanted 200" in verified.failure.message
    assert 6 <= verified.duration_seconds < 60
    log = await on.text(verified.artifacts, "verify.log")
    assert log.count("503, wanted 200") > 3  # dozens, where the machine is not busy
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
    verify = asyncio.create_task(on.verify(Verification(max_wait_seconds=60, stability_window_seconds=30)))
    await until(lambda: b"ok   health" in content(on.growing("verify.log")) or verify.done())
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
