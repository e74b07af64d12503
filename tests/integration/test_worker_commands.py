"""``dev`` and ``worker`` as an operator runs them: a process, its output, signals, exit codes."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import httpx
import pytest

from starter.address import live_stack
from tests.integration.test_embedded import server_processes, wait_until_none

COMMAND = Path(sys.executable).parent / "mm-orchestrator"


def environment(state: Path, **more: str) -> dict[str, str]:
    """The environment of a command with its own state directory."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TEMPORAL_", "MM_"))}
    return {**kept, "MM_ORCHESTRATOR_STATE_DIR": str(state), **more}


@contextmanager
def running(arguments: list[str], state: Path, **more: str) -> Iterator[subprocess.Popen[str]]:
    """A command in a process group of its own, as in a terminal; killed at the end."""
    with subprocess.Popen(
        [COMMAND, *arguments],
        env=environment(state, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def read_until(process: subprocess.Popen[str], wanted: str) -> str:
    """The output up to the line that holds the wanted words."""
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if wanted in line:
            return seen
    pytest.fail(f"{wanted!r} was not said: {seen}")


def asked_whether_it_polls(place: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """A container's health check: a process of its own, on the worker's settings."""
    return subprocess.run(
        [COMMAND, "doctor", "--worker"],
        env=environment(place / "worker-state", **more),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_dev_serves_and_stops_clean(
    docker_engine: docker.DockerClient, tmp_path: Path, number: signal.Signals
) -> None:
    """Address, Web UI, queue, state and the next command are printed; a signal ends it all with code 0."""
    state = tmp_path / "state"
    with running(["dev"], state) as process:
        told = read_until(process, "Ctrl-C stops")
        stack = live_stack(state)
        assert stack is not None
        for words in (stack.address, stack.ui, "mm.orchestrator", str(state), "mm-orchestrator run"):
            assert words in told
        assert docker_engine.info()["Name"] in told
        assert httpx.get(stack.ui, follow_redirects=True, timeout=10).status_code == 200
        os.killpg(process.pid, number)
        rest, _ = process.communicate(timeout=120)
        assert process.returncode == 0, rest
        assert "Traceback" not in told + rest
    assert wait_until_none(state) == []
    assert live_stack(state) is None


def test_a_second_ctrl_c_does_not_wait(docker_engine: docker.DockerClient, tmp_path: Path) -> None:
    """Whoever insists gets the prompt back at once, and still nothing stays behind."""
    state = tmp_path / "state"
    with running(["dev"], state) as process:
        read_until(process, "Ctrl-C stops")
        process.send_signal(signal.SIGINT)
        read_until(process, "Stopping")
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=120)
        assert process.returncode == 130, rest
        assert "Traceback" not in rest
    assert wait_until_none(state) == []


def test_a_second_dev_is_refused(docker_engine: docker.DockerClient, tmp_path: Path) -> None:
    """``state_dir_busy`` names the first one's process; exit code 5."""
    state = tmp_path / "state"
    with running(["dev"], state) as first:
        read_until(first, "Ctrl-C stops")
        second = subprocess.run(
            [COMMAND, "dev"], env=environment(state), capture_output=True, text=True, timeout=60, check=False
        )
        assert second.returncode == 5
        assert "state_dir_busy" in second.stderr
        assert str(first.pid) in second.stderr
        assert "Traceback" not in second.stderr


def test_sigkill_of_dev_leaves_no_process(docker_engine: docker.DockerClient, tmp_path: Path) -> None:
    """No server outlives it."""
    state = tmp_path / "state"
    with running(["dev"], state) as process:
        read_until(process, "Ctrl-C stops")
        assert server_processes(state)
        process.kill()
    assert wait_until_none(state) == []


def test_a_worker_serves_another_server_and_stops_clean(
    docker_engine: docker.DockerClient, tmp_path: Path
) -> None:
    """``worker`` finds the server by TEMPORAL_ADDRESS, takes the host's queue, and ends with code 0."""
    with running(["dev"], tmp_path / "dev-state") as dev:
        read_until(dev, "Ctrl-C stops")
        stack = live_stack(tmp_path / "dev-state")
        assert stack is not None
        more = {"TEMPORAL_ADDRESS": stack.address, "MM_ORCHESTRATOR_HOST": "elsewhere"}
        with running(["worker"], tmp_path / "worker-state", **more) as worker:
            told = read_until(worker, "worker started")
            assert "mm.orchestrator.elsewhere" in told
            assert re.search(r'^\{.*"level": "info"', told, re.MULTILINE), "JSON where nobody watches"
            polled = asked_whether_it_polls(tmp_path, **more)
            assert polled.returncode == 0, polled.stderr
            assert "mm.orchestrator.elsewhere is polled for steps" in polled.stdout
            nobody = asked_whether_it_polls(tmp_path, **more | {"MM_ORCHESTRATOR_HOST": "nowhere"})
            assert nobody.returncode == 5
            assert "worker_not_polling" in nobody.stderr
            assert "mm.orchestrator.nowhere" in nobody.stderr
            worker.send_signal(signal.SIGTERM)
            rest, _ = worker.communicate(timeout=120)
            assert worker.returncode == 0, rest


def test_a_worker_without_docker_says_so_at_once(tmp_path: Path) -> None:
    """The host's name would be the daemon's; without either the worker does not guess."""
    done = subprocess.run(
        [COMMAND, "worker"],
        env=environment(
            tmp_path / "state", DOCKER_HOST="unix:///no/such.sock", TEMPORAL_ADDRESS="127.0.0.1:1"
        ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 5
    assert "docker_unavailable" in done.stderr
