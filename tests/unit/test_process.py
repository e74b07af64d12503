"""Commands end when they should: by themselves, with a cancellation, with the worker, with a retry."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from activities.adapters import child_guard, process
from activities.adapters.process import ChildRegistry, run, stream

ENV = {"PATH": os.environ["PATH"]}
STUBBORN_FAMILY = (
    "import os, signal, subprocess, sys, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session=True)\n"
    "print('ready', flush=True)\n"
    "time.sleep(60)\n"
)
"""Ignores TERM and has a grandchild that left the session: the hardest family to end."""


def running(marker: str) -> list[int]:
    """Ids of processes whose environment holds this text."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and marker.encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def unique(word: str) -> str:
    """A marker that no other test, nor another run of this one, has."""
    return f"{word}-{uuid.uuid4()}"


def left_in(directory: Path) -> list[Path]:
    """What lies in a directory."""
    return list(directory.iterdir())


def sleeper(**env: str) -> "subprocess.Popen[bytes]":
    """A process that nobody has a reason to end."""
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env={**ENV, **env})


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> float:
    """Seconds until the condition held; fails after ``seconds``."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "did not happen in time"
        time.sleep(0.02)
    return time.monotonic() - began


async def test_run_collects_both_streams_and_the_exit_code():
    """A failing command is a result, not an exception."""
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    done = await run([sys.executable, "-c", code], env=ENV, timeout_seconds=20)
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")


async def test_run_kills_what_takes_too_long():
    """After the time limit the command and its children are gone."""
    env = {**ENV, "MMT_MARK": "mmt-run-timeout"}
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        await run([sys.executable, "-c", "import time; time.sleep(60)"], env=env, timeout_seconds=0.3)
    assert time.monotonic() - began < 3
    assert running("mmt-run-timeout") == []


async def test_stream_hands_over_output_while_the_command_runs(tmp_path: Path):
    """The first line is there long before the command ends; stderr comes the same way."""
    seen: list[bytes] = []
    heard = tmp_path / "heard"
    code = (
        "import os, sys, time; print('one', flush=True)\n"
        f"while not os.path.exists({str(heard)!r}): time.sleep(0.02)\n"
        "print('two', file=sys.stderr)"
    )

    def sink(data: bytes) -> None:
        seen.append(data)
        heard.touch()

    children = tmp_path / "children"
    running_command = stream(
        [sys.executable, "-c", code], env=ENV, sink=sink, children=ChildRegistry(children, "run-1")
    )
    assert await asyncio.wait_for(running_command, 60) == 0
    assert seen == [b"one\n", b"two\n"]
    assert left_in(children) == []


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ([sys.executable, "-c", "raise SystemExit(7)"], 7),
        ([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], 137),
        (["/nonexistent/command"], 127),
    ],
)
async def test_stream_reports_the_exit_code(tmp_path: Path, argv: list[str], expected: int):
    """Exit codes pass through the guard unchanged; signals become 128 + n as in a shell."""
    children = ChildRegistry(tmp_path, "run-1")
    assert await stream(argv, env=ENV, sink=lambda _: None, children=children) == expected


async def test_cancellation_ends_the_whole_family(tmp_path: Path):
    """Also processes that ignore TERM or left the session; output up to the end was handed over."""
    env = {**ENV, "MMT_MARK": unique("cancel")}
    ready = asyncio.Event()
    task = asyncio.create_task(
        stream(
            [sys.executable, "-c", STUBBORN_FAMILY],
            env=env,
            sink=lambda data: ready.set() if b"ready" in data else None,
            children=ChildRegistry(tmp_path, "run-1"),
        )
    )
    await asyncio.wait_for(ready.wait(), 20)
    wait_until(lambda: len(running(env["MMT_MARK"])) == 3)  # guard, command, grandchild
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < process.GRACE_SECONDS + 3
    assert running(env["MMT_MARK"]) == []
    assert left_in(tmp_path) == []


async def test_without_grace_a_stubborn_family_is_gone_at_once(tmp_path: Path):
    """For a program that loses nothing by it, and would take its time."""
    env = {**ENV, "MMT_MARK": unique("grace")}
    took: dict[float, float] = {}
    for grace in (0.0, 1.0):
        ready = asyncio.Event()
        task = asyncio.create_task(
            stream(
                [sys.executable, "-c", STUBBORN_FAMILY],
                env=env,
                sink=lambda _, ready=ready: ready.set(),
                children=ChildRegistry(tmp_path, "run-1"),
                grace_seconds=grace,
            )
        )
        await asyncio.wait_for(ready.wait(), 20)
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        took[grace] = time.monotonic() - began
        assert running(env["MMT_MARK"]) == []
    assert took[0.0] < took[1.0]


async def test_a_sink_that_fails_ends_the_command(tmp_path: Path):
    """A full disk must not leave a build running unobserved."""
    env = {**ENV, "MMT_MARK": unique("sink")}

    def broken(data: bytes) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        await stream(
            [sys.executable, "-c", STUBBORN_FAMILY],
            env=env,
            sink=broken,
            children=ChildRegistry(tmp_path, "run-1"),
        )
    assert running(env["MMT_MARK"]) == []


WORKER = """
    import asyncio, sys
    from pathlib import Path
    from activities.adapters.process import ChildRegistry, stream
    env = {"PATH": "/usr/bin:/bin", "MMT_MARK": sys.argv[2]}
    asyncio.run(stream([sys.executable, "-c", sys.argv[3]], env=env,
                       sink=lambda data: print("ready", flush=True),
                       children=ChildRegistry(Path(sys.argv[1]), "run-1")))
"""


def start_worker(directory: Path, mark: str, code: str) -> "subprocess.Popen[bytes]":
    """A worker process of its own that streams one command."""
    argv = [sys.executable, "-c", textwrap.dedent(WORKER), str(directory), mark, code]
    worker = subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    assert worker.stdout is not None
    assert worker.stdout.readline() == b"ready\n"
    return worker


def test_sigkill_of_the_worker_ends_the_family(tmp_path: Path):
    """No code of the worker runs, and yet its command does not outlive it (COMPOSE fact 5)."""
    mark = unique("sigkill")
    worker = start_worker(tmp_path, mark, STUBBORN_FAMILY)
    wait_until(lambda: len(running(mark)) == 3)
    worker.kill()
    worker.communicate()
    assert wait_until(lambda: not running(mark)) < process.GRACE_SECONDS + 3


async def test_the_next_attempt_ends_what_even_the_guard_left(tmp_path: Path):
    """Worker and guard are both killed: the recorded token finds the rest."""
    mark = unique("earlier")
    worker = start_worker(tmp_path, mark, STUBBORN_FAMILY)
    (record,) = (tmp_path / "run-1").glob("*.json")
    facts = json.loads(record.read_text())
    assert facts["start_time"] == process.start_time(facts["pid"])
    os.kill(facts["pid"], signal.SIGKILL)  # the guard first, else it would end the family
    worker.kill()
    worker.communicate()
    wait_until(lambda: len(running(mark)) == 2)
    assert await ChildRegistry(tmp_path, "run-1").end_earlier() == 1
    assert running(mark) == []
    assert left_in(tmp_path) == []


async def test_a_command_that_cannot_be_recorded_does_not_run_on(tmp_path: Path):
    """A later attempt could not find it: the state directory's disk is full, say."""
    marker = unique("unrecorded")
    blocked = tmp_path / "children"
    blocked.write_text("a file where the directory should be")
    code = "import time; print('ready', flush=True); time.sleep(60)"
    with pytest.raises(OSError, match="children"):
        await stream(
            [sys.executable, "-c", code],
            env={**ENV, "WHO": marker},
            sink=lambda _: None,
            children=ChildRegistry(blocked, "run"),
        )
    assert running(marker) == []


def test_a_record_that_cannot_be_completed_leaves_no_part(tmp_path: Path) -> None:
    """A full disk: half a record would stay for ever as a command of this run."""
    (tmp_path / "run" / "7.json").mkdir(parents=True)
    with pytest.raises(OSError, match=r"7\.json"):
        ChildRegistry(tmp_path, "run").record(7, "token")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["7.json"]


async def test_a_cancellation_while_the_command_is_started_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """asyncio kills the one process it knows, the guard; what that one has started must go too."""
    marker, started = unique("starting"), asyncio.create_subprocess_exec

    async def slow(*argv: str, **options: object) -> asyncio.subprocess.Process:
        begun = await started(*argv, **options)  # type: ignore[arg-type]
        await asyncio.to_thread(wait_until, lambda: len(running(marker)) > 1)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            begun.kill()
            raise
        return begun

    monkeypatch.setattr(asyncio, "create_subprocess_exec", slow)
    task = asyncio.create_task(
        stream(
            [sys.executable, "-c", "import time; time.sleep(60)"],
            env={**ENV, "WHO": marker},
            sink=lambda _: None,
            children=ChildRegistry(tmp_path, "run"),
        )
    )
    await asyncio.to_thread(wait_until, lambda: len(running(marker)) > 1)
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert running(marker) == []


async def test_what_must_not_be_interrupted_ends_before_the_cancellation_is_heard():
    """A thread cannot be called back: its step keeps the lock until it has ended, and is cancelled then."""
    ended: list[str] = []
    begun, let_go = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        let_go.wait(60)
        ended.append("thread")

    async def hold() -> None:
        try:
            await process.uninterrupted(asyncio.to_thread(work))
            ended.append("went on")
        finally:
            ended.append("lock released")

    task = asyncio.create_task(hold())
    await asyncio.to_thread(begun.wait, 60)
    task.cancel()
    for _ in range(3):
        await asyncio.sleep(0)
    assert ended == []
    let_go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["thread", "lock released"]


async def test_records_of_strangers_are_not_acted_on(tmp_path: Path):
    """A recycled process id, another boot or a damaged record never kills anybody."""
    bystander = sleeper()
    try:
        folder = tmp_path / "run-1"
        folder.mkdir()
        facts = {"pid": bystander.pid, "start_time": 1, "boot": process._boot(), "token": "nobody"}
        (folder / "1.json").write_text(json.dumps(facts))
        (folder / "2.json").write_text(json.dumps({**facts, "boot": "another"}))
        (folder / "3.json").write_text("{")
        assert await ChildRegistry(tmp_path, "run-1").end_earlier() == 0
        assert bystander.poll() is None
        assert not folder.exists()
    finally:
        bystander.kill()
        bystander.wait()


def test_a_token_is_matched_whole():
    """A prefix of a token is not that token."""
    child = sleeper(**{child_guard.MARKER: "abcdef"})
    try:
        wait_until(lambda: child.pid in child_guard.marked("abcdef"))
        assert child_guard.marked("abc") == ()
    finally:
        child.kill()
        child.wait()
