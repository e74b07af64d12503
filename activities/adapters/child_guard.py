"""Runs one command and surely ends it with the worker: executed as a script of its own.

The worker starts ``python child_guard.py GRACE COMMAND...`` in a new session and keeps the other end
of its stdin. When the worker dies, however it dies, that pipe closes and the guard ends the command.
``PR_SET_PDEATHSIG`` cannot do this: it watches the thread that forked, and reaches one process only,
while ``docker compose build`` is three (measured: COMPOSE fact 5, the build runs on).

Standard library only; imported by ``process`` for the one way to find a command's processes.
"""

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

MARKER = "MM_ORCHESTRATOR_CHILD"
"""Environment variable whose value is unique to one command; all its descendants inherit it."""

_POLL_SECONDS = 0.02
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def marked(token: str) -> tuple[int, ...]:
    """Ids of all living processes that carry this token, the guard included."""
    wanted = f"{MARKER}={token}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            environment = (entry / "environ").read_bytes()
        except OSError:  # gone meanwhile, or somebody else's
            continue
        if wanted in environment.split(b"\0"):
            found.append(int(entry.name))
    return tuple(found)


def send(token: str, number: signal.Signals, spare: int = 0) -> bool:
    """Signal every process of a command but ``spare``; returns whether there was one."""
    sent = False
    for pid in marked(token):
        if pid == spare:
            continue
        try:
            os.kill(pid, number)
            sent = True
        except ProcessLookupError:
            continue
    return sent


def guard(command: list[str], grace_seconds: float, token: str) -> int:
    """Run the command until it ends, the worker is gone, or somebody asks the guard to stop.

    Returns:
        The command's exit code; 128 + signal where one killed it; 127 where it cannot be started.
    """
    wake, poke = os.pipe()
    os.set_blocking(poke, False)
    signal.set_wakeup_fd(poke, warn_on_full_buffer=False)
    for number in (*_ENDING, signal.SIGCHLD):
        signal.signal(number, lambda _number, _frame: None)
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - an argv list, no shell
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        return 127
    while child.poll() is None:
        ready, _, _ = select.select([0, wake], [], [])
        signals = os.read(wake, 64) if wake in ready else b""
        if 0 in ready or any(number in signals for number in _ENDING):
            _end(child, grace_seconds, token)
    while send(token, signal.SIGKILL, spare=os.getpid()):  # whatever it left in the background
        time.sleep(_POLL_SECONDS)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def _end(child: "subprocess.Popen[bytes]", grace_seconds: float, token: str) -> None:
    deadline = time.monotonic() + grace_seconds
    send(token, signal.SIGTERM, spare=os.getpid())
    while child.poll() is None and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    while send(token, signal.SIGKILL, spare=os.getpid()) and child.poll() is None:
        time.sleep(_POLL_SECONDS)


if __name__ == "__main__":
    sys.exit(guard(sys.argv[2:], float(sys.argv[1]), os.environ[MARKER]))
