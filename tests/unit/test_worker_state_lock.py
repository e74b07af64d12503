"""The lock of the embedded server: one holder, named, and gone with its process."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from starter.address import live_stack
from worker.state_lock import embedded_lock, worker_lock
from workflows.errors import OrchestratorError


def test_a_second_holder_is_told_who_the_first_is(tmp_path: Path) -> None:
    """Process id and command, so that the operator can find it."""
    with embedded_lock(tmp_path, "dev"):
        with pytest.raises(OrchestratorError) as caught, embedded_lock(tmp_path, "run --local"):
            pytest.fail("two holders")
        assert caught.value.code == "state_dir_busy"
        assert f"process {os.getpid()}, mm-orchestrator dev" in caught.value.message
    with embedded_lock(tmp_path, "run --local"):
        pass


def test_a_reader_that_looks_is_no_second_holder(tmp_path: Path) -> None:
    """A client that asks whether a stack is live holds the lock for an instant; a start waits that long."""
    with embedded_lock(tmp_path, "dev"):
        pass
    reader = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import fcntl, sys, time; f = open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_SH);"
            "print('held', flush=True); time.sleep(0.2)",
            str(tmp_path / "embedded.lock"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    with reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "held\n"
        with embedded_lock(tmp_path, "dev"):
            pass


def test_a_stale_dev_json_is_no_live_stack(tmp_path: Path) -> None:
    """What a killed process left behind does not send clients to a dead server."""
    (tmp_path / "dev.json").write_text(
        '{"address":"127.0.0.1:1","ui":"http://x","namespace":"default","task_queue":"q","pid":1,"command":"dev"}'
    )
    assert live_stack(tmp_path) is None
    with embedded_lock(tmp_path, "dev"):
        stack = live_stack(tmp_path)
        assert stack is not None
        assert stack.address == "127.0.0.1:1"
    assert live_stack(tmp_path) is None


@pytest.mark.parametrize("content", ["", "{", '{"address": 5}', None])
def test_a_dev_json_that_cannot_be_read_counts_as_none(tmp_path: Path, content: str | None) -> None:
    """Just starting, or of another version: clients fall back to the usual address."""
    if content is not None:
        (tmp_path / "dev.json").write_text(content)
    with embedded_lock(tmp_path, "dev"):
        assert live_stack(tmp_path) is None


def test_the_lock_is_not_inherited(tmp_path: Path) -> None:
    """A child of ours that lives on must not keep the state directory busy."""
    with embedded_lock(tmp_path, "dev"):
        child = subprocess.Popen(["sleep", "30"], close_fds=False)
    try:
        with (tmp_path / "embedded.lock").open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        child.kill()
        child.wait()


def test_workers_share_it_and_exclude_embedded_servers(tmp_path: Path) -> None:
    """A worker can be replaced without a gap; ``dev`` and ``run --local`` would be a second server."""
    with worker_lock(tmp_path, "worker"), worker_lock(tmp_path, "worker"):
        assert live_stack(tmp_path) is None
        with pytest.raises(OrchestratorError, match="mm-orchestrator worker"), embedded_lock(tmp_path, "dev"):
            pytest.fail("a server beside a worker")
    refused = pytest.raises(OrchestratorError, match="mm-orchestrator dev")
    with embedded_lock(tmp_path, "dev"), refused, worker_lock(tmp_path, "worker"):
        pytest.fail("a worker beside a server")
