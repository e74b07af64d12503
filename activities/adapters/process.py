"""The only place that runs commands: argument lists, never a shell, never left behind.

Short reads go through ``run``. Long, changing commands go through ``stream``: their output arrives while
they run, and they end with the worker, with a cancellation and with the next attempt (I4).
"""

import asyncio
import json
import os
import secrets
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from activities.adapters import child_guard
from activities.adapters.child_guard import MARKER

GRACE_SECONDS = 1.0
"""Between TERM and KILL."""
_POLL_SECONDS = 0.02
_CHUNK_BYTES = 64 * 1024
_GONE_SECONDS = 10.0
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

T = TypeVar("T")


@dataclass(frozen=True)
class Completed:
    """A command that ended, successful or not."""

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str


async def run(
    argv: Sequence[str],
    *,
    cwd: str | None = None,
    env: Mapping[str, str] | None = None,
    timeout_seconds: float,
    stdin: bytes | None = None,
) -> Completed:
    """Run a short command that changes nothing, and collect what it prints.

    Raises:
        TimeoutError: it took longer than ``timeout_seconds``; it was killed.
        FileNotFoundError: there is no such command.
    """
    process = await asyncio.create_subprocess_exec(
        *argv,
        cwd=cwd,
        env=None if env is None else dict(env),
        stdin=DEVNULL if stdin is None else PIPE,
        stdout=PIPE,
        stderr=PIPE,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(timeout_seconds):
            out, err = await process.communicate(stdin)
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await uninterrupted(process.wait())
        raise
    finally:
        _close_pipes(process)
    return Completed(tuple(argv), process.returncode or 0, _text(out), _text(err))


async def stream(
    argv: Sequence[str],
    *,
    cwd: str | None = None,
    env: Mapping[str, str],
    sink: Callable[[bytes], None],
    children: "ChildRegistry",
    grace_seconds: float = GRACE_SECONDS,
) -> int:
    """Run a long command; each chunk of its output (both streams) goes to ``sink`` at once.

    Args:
        argv: the command; no shell reads it.
        cwd: where it runs.
        env: all that it sees of an environment.
        sink: takes its output.
        children: where it is recorded while it runs.
        grace_seconds: between TERM and KILL, where it has to be ended.

    Returns:
        The exit code; 127 where the command cannot be started, 128 + signal where one killed it.

    Raises:
        CancelledError: as usual; every process of the command is gone by then.
    """
    token = secrets.token_hex(16)
    process = await _guarded(argv, cwd, env, token, grace_seconds)
    record: Path | None = None
    pump = asyncio.create_task(_pump(process, sink))
    try:
        record = children.record(process.pid, token)
        await asyncio.shield(pump)  # cancelled, it still takes the command's last words
        return await process.wait()
    except BaseException:
        await uninterrupted(_end_all(process, pump, token, grace_seconds))
        raise
    finally:
        _close_pipes(process)
        if record is not None:
            children.clear(record)
        if process.stdin is not None:  # an open end would outlive the event loop
            process.stdin.close()


async def _guarded(
    argv: Sequence[str], cwd: str | None, env: Mapping[str, str], token: str, grace_seconds: float
) -> Process:
    """Start the guard that starts the command; a cancellation meanwhile leaves nothing running."""
    try:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", child_guard.__file__, str(grace_seconds), *argv),
            cwd=cwd,
            env={**env, MARKER: token},
            stdin=PIPE,  # never written: its end tells the guard that the worker is gone
            stdout=PIPE,
            stderr=STDOUT,
            start_new_session=True,
        )
    except BaseException:
        await uninterrupted(end(token))  # asyncio kills the guard alone, which may have begun already
        raise


def _close_pipes(process: Process) -> None:
    """At once: asyncio does it some turns of the loop later, and the loop may be closed by then."""
    transport = getattr(process, "_transport", None)
    if transport is not None:
        transport.close()


async def _pump(process: Process, sink: Callable[[bytes], None]) -> None:
    assert process.stdout is not None  # noqa: S101 - PIPE above; for the type checker
    while chunk := await process.stdout.read(_CHUNK_BYTES):
        sink(chunk)


async def _end_all(process: Process, pump: "asyncio.Task[None]", token: str, grace_seconds: float) -> None:
    await end(token, grace_seconds)
    await process.wait()
    if not pump.done():  # what it said while it ended belongs to the log
        await asyncio.wait([pump], timeout=1.0)
    pump.cancel()
    await asyncio.gather(pump, return_exceptions=True)


async def end(token: str, grace_seconds: float = GRACE_SECONDS) -> bool:
    """TERM, then KILL every process of one command; returns once none is left.

    Returns:
        Whether anything was still running.
    """
    running = await asyncio.to_thread(child_guard.send, token, signal.SIGTERM)
    if not running or await _gone(token, grace_seconds):
        return running
    await asyncio.to_thread(child_guard.send, token, signal.SIGKILL)
    while not await _gone(token, _GONE_SECONDS):
        await asyncio.to_thread(child_guard.send, token, signal.SIGKILL)
    return True


async def _gone(token: str, within_seconds: float) -> bool:
    deadline = asyncio.get_running_loop().time() + within_seconds
    while await asyncio.to_thread(child_guard.marked, token):
        if asyncio.get_running_loop().time() >= deadline:
            return False
        await asyncio.sleep(_POLL_SECONDS)
    return True


async def uninterrupted(awaitable: Awaitable[T]) -> T:
    """Await something that must not be left half done, however often the caller is cancelled.

    Raises:
        CancelledError: it is done; the caller was cancelled meanwhile, and hears of it only now.
    """
    task = asyncio.ensure_future(awaitable)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None and not task.cancelled():
        task.exception()  # told or not, the cancellation goes first
        raise cancelled
    return task.result()


@dataclass(frozen=True)
class ChildRegistry:
    """Commands of one run that may still be running, on disk: what a later attempt must end first.

    A recorded id alone could mean another process by now. What counts is the token, which every process
    of the command carries in its environment; id and start time are for whoever reads the record.
    """

    directory: Path
    key: str
    """The run id."""

    def record(self, pid: int, token: str) -> Path:
        """Remember a command that was just started."""
        folder = self.directory / self.key
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"{pid}.json"
        facts = {"pid": pid, "start_time": start_time(pid), "boot": _boot(), "token": token}
        temporary = path.with_suffix(".tmp")
        try:
            temporary.write_text(json.dumps(facts), encoding="utf-8")
            temporary.replace(path)
        except OSError:  # the disk is full: no part of a record may pass for a command
            self.clear(temporary)
            raise
        return path

    def clear(self, record: Path) -> None:
        """Forget a command of which nothing is left."""
        record.unlink(missing_ok=True)
        with suppress(OSError):  # other commands are still recorded there
            record.parent.rmdir()

    async def end_earlier(self) -> int:
        """End what an earlier attempt or a dead worker left running, and wait until it is gone.

        Returns:
            How many commands were still running.
        """
        ended = 0
        for path in sorted((self.directory / self.key).glob("*.json")):
            token = _token(path)
            if token is not None:
                ended += await end(token)
            self.clear(path)
        return ended


def start_time(pid: int) -> int | None:
    """Clock ticks from boot to the start of a process; None where it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[19])


def _token(path: Path) -> str | None:
    """The recorded token, or None for a record of another boot or one that cannot be read."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        return str(facts["token"]) if facts["boot"] == _boot() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _boot() -> str:
    return _BOOT_ID.read_text(encoding="utf-8").strip() if _BOOT_ID.exists() else ""


def _text(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")
