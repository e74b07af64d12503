"""Ctrl-C and terminals: the command line as a process, with real signals and a real pseudo-terminal."""

import asyncio
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from starter.cli.exit_codes import ExitCode
from tests.unit.cli_stage import EvidenceHost, Stage
from tests.workflow.scripted_host import GATE
from workflows.models.request import RunRequest
from workflows.models.status import RunStatus

ROOT = Path(__file__).parents[2]
RUN_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture
def host(stage: Stage, tmp_path: Path) -> Iterator[EvidenceHost]:
    """A scripted host with its workers."""
    scripted = EvidenceHost(tmp_path)
    with stage.serving(scripted):
        yield scripted


def environment(stage: Stage, state: Path, **more: str) -> dict[str, str]:
    """What the process sees."""
    return {
        "PATH": os.environ["PATH"],
        "STAGE_ADDRESS": stage.address,
        "TEMPORAL_ADDRESS": stage.address,
        "MM_ORCHESTRATOR_STATE_DIR": str(state),
        "MM_ORCHESTRATOR_USER": "dave",
        "PYTHONUNBUFFERED": "1",
        **more,
    }


class Process:
    """One running command: its text so far, its signals, its end."""

    def __init__(self, child: "subprocess.Popen[bytes]", descriptor: int) -> None:
        self.child = child
        self._descriptor = descriptor
        self.text = ""

    def until(self, pattern: str, seconds: float = 40) -> str:
        """Read until the text has the pattern; what was read so far."""
        deadline = time.monotonic() + seconds
        while not re.search(pattern, self.text):
            assert time.monotonic() < deadline, f"{pattern!r} never came in {self.text!r}"
            self._read()
        return self.text

    def interrupt(self) -> None:
        """What Ctrl-C sends."""
        self.child.send_signal(signal.SIGINT)

    def end(self, seconds: float = 40) -> int:
        """Read to the end; the exit code."""
        deadline = time.monotonic() + seconds
        while self._read():
            assert time.monotonic() < deadline, f"no end after {self.text!r}"
        return self.child.wait(timeout=10)

    def _read(self) -> bool:
        try:
            data = os.read(self._descriptor, 65536)
        except OSError:  # the terminal's other side is closed
            return False
        self.text += data.decode(errors="replace")
        return bool(data)


@contextmanager
def typed(stage: Stage, state: Path, *args: str, terminal: bool = False, **env: str) -> Iterator[Process]:
    """Run a command in a pipe or on a pseudo-terminal of 100 columns."""
    reader, writer = pty.openpty() if terminal else os.pipe()
    if terminal:
        subprocess.run(["stty", "cols", "100", "rows", "40"], stdin=writer, check=True)
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.unit.cli_driver", *args],
        cwd=ROOT, stdin=subprocess.DEVNULL, stdout=writer, stderr=writer,
        env=environment(stage, state, **{"TERM": "xterm-256color", **env}), start_new_session=True,
    )  # fmt: skip
    os.close(writer)
    try:
        yield Process(child, reader)
    finally:
        with suppress(ProcessLookupError):
            child.kill()
        child.wait()
        os.close(reader)


def test_ctrl_c_detaches_from_a_run_elsewhere(stage: Stage, host: EvidenceHost, tmp_path: Path) -> None:
    """The run goes on; the command says how to watch and cancel it, and exits 0."""
    begun = host.hang("build")
    with typed(stage, tmp_path, "run", "api", "repair it") as process:
        run = RUN_ID.search(process.until("build +in_progress"))
        assert run is not None
        process.interrupt()
        assert process.end() == ExitCode.OK
    assert f"mm-orchestrator watch {run.group()}" in process.text
    assert f"mm-orchestrator cancel {run.group()}" in process.text
    assert begun.is_set()
    assert stage.call(stage.starter().get(run.group())).status is RunStatus.RUNNING


def test_ctrl_c_of_a_local_run_rolls_back_first(stage: Stage, host: EvidenceHost, tmp_path: Path) -> None:
    """--local: the first Ctrl-C cancels, waits for the rollback and exits 6."""
    host.hang("build")
    with typed(stage, tmp_path, "run", "--local", "api", "repair it") as process:
        process.until("build +in_progress")
        process.interrupt()
        assert process.end() == ExitCode.STOPPED
    assert "put back first" in process.text
    assert re.search(r"rollback +succeeded", process.text)
    assert host.calls.count("rollback") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_local_run_that_is_told_to_stop_rolls_back_too(
    stage: Stage, host: EvidenceHost, tmp_path: Path, number: signal.Signals
) -> None:
    """I4: a stop of the machine or a closed terminal is a cancel, not an abandonment."""
    host.hang("build")
    with typed(stage, tmp_path, "run", "--local", "api", "repair it") as process:
        process.until("build +in_progress")
        process.child.send_signal(number)
        assert process.end() == ExitCode.STOPPED
    assert host.calls.count("rollback") == 1


def test_leaving_during_the_rollback_takes_three(stage: Stage, host: EvidenceHost, tmp_path: Path) -> None:
    """The second Ctrl-C says what leaving would leave; the third leaves and names recover."""
    host.hang("build")
    rolling_back = host.hang("rollback")
    with typed(stage, tmp_path, "run", "--local", "api", "repair it") as process:
        process.until("build +in_progress")
        process.interrupt()
        process.until("rollback +in_progress")
        process.interrupt()
        text = process.until("still under way")
        assert "mm-orchestrator recover" in text
        assert process.child.poll() is None
        process.interrupt()
        assert process.end() == ExitCode.FAILED
    assert "Left before run" in process.text
    assert rolling_back.is_set()


def test_ctrl_c_of_watch_leaves_the_run_alone(stage: Stage, host: EvidenceHost, tmp_path: Path) -> None:
    """watch is only a look: the run goes on, exit 0."""
    begun = host.hang("build")
    run = stage.call(stage.starter().start(RunRequest(instruction="repair it", service="api")))
    stage.call(asyncio.wait_for(begun.wait(), 30))
    with typed(stage, tmp_path, "watch", run.run_id) as process:
        process.until("build +in_progress")
        process.interrupt()
        assert process.end() == ExitCode.OK
    assert stage.call(stage.starter().get(run)).status is RunStatus.RUNNING


def test_a_reader_that_goes_away_does_not_end_a_local_run(
    stage: Stage, host: EvidenceHost, tmp_path: Path
) -> None:
    """I4: ``run --local | head -1`` still carries the run to its end."""
    reader, writer = os.pipe()
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.unit.cli_driver", "run", "--local", "api", "repair it"],
        cwd=ROOT, stdin=subprocess.DEVNULL, stdout=writer, stderr=subprocess.PIPE,
        env=environment(stage, tmp_path),
    )  # fmt: skip
    os.close(writer)
    os.read(reader, 1)
    os.close(reader)
    _, err = child.communicate(timeout=60)
    assert b"Traceback" not in err
    assert "report" in host.calls


def test_a_terminal_sees_the_steps_live(stage: Stage, host: EvidenceHost, tmp_path: Path) -> None:
    """On a terminal the steps are drawn in place, in colour, and the explanation follows."""
    with typed(stage, tmp_path, "run", "api", "repair it", terminal=True) as process:
        assert process.end() == ExitCode.OK
    assert "\x1b[32m" in process.text, "green"
    assert "\x1b[1A" in process.text, "the cursor moves up to draw in place"
    assert "What state is left" in process.text


def test_no_color_on_a_terminal(stage: Stage, host: EvidenceHost, tmp_path: Path) -> None:
    """NO_COLOR: the same, without a colour."""
    with typed(stage, tmp_path, "run", "api", "repair it", terminal=True, NO_COLOR="1") as process:
        assert process.end() == ExitCode.OK
    assert not re.search(r"\x1b\[(?:\d+;)*3[0-7]m", process.text)
    assert "What state is left" in process.text


def test_a_dumb_terminal_gets_lines(stage: Stage, host: EvidenceHost, tmp_path: Path) -> None:
    """A terminal that cannot move its cursor gets a line per step."""
    with typed(stage, tmp_path, "run", "api", "repair it", terminal=True, TERM="dumb") as process:
        assert process.end() == ExitCode.OK
    assert "\x1b[1A" not in process.text
    assert re.search(r"build +succeeded", process.text)


def test_a_latin_1_terminal_is_no_reason_to_fail(stage: Stage, host: EvidenceHost, tmp_path: Path) -> None:
    """A stream that cannot show a character shows its number instead."""
    with typed(stage, tmp_path, "run", "api", "repair ☃ it", PYTHONIOENCODING="latin-1") as process:
        assert process.end() == ExitCode.OK
    assert "\\u2603" in process.text


def test_a_wait_for_approval_says_what_to_type_elsewhere(stage: Stage, tmp_path: Path) -> None:
    """--local and an approval wait: nothing is asked here; another terminal's approval lets it go on."""
    scripted = EvidenceHost(tmp_path, gate=GATE)
    with stage.serving(scripted), typed(stage, tmp_path, "run", "--local", "api", "repair it") as process:
        found = re.search(r"approve (\S+)", process.until(r"mm-orchestrator reject \S+ --reason"))
        assert found is not None
        other = ["approve", found.group(1), "--approver", "alice", "--yes"]
        with typed(stage, tmp_path, *other) as approver:
            assert approver.end() == ExitCode.OK
        assert process.end() == ExitCode.OK
    assert process.text.count("In another terminal") == 1
