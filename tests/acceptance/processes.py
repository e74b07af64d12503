"""What runs on this machine, seen from /proc: the proof that nothing is left behind."""

import os
import time
from pathlib import Path


def processes(*words: str) -> dict[int, str]:
    """Id -> command line of every living process that one of these words is about.

    A word is looked for in the command line, in the environment and in the working directory; this
    process and its ancestors do not count.
    """
    own, found = _ancestors(), {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) in own:
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            about = command + (entry / "environ").read_bytes().decode(errors="replace")
            about += str((entry / "cwd").readlink())
        except OSError:  # gone meanwhile
            continue
        if command and any(word in about for word in words):
            found[int(entry.name)] = command.strip()
    return found


def await_processes(*words: str, seconds: float = 90) -> dict[int, str]:
    """Wait until there is such a process.

    Raises:
        AssertionError: there was none in time.
    """
    deadline = time.monotonic() + seconds
    while not (found := processes(*words)):
        assert time.monotonic() < deadline, f"no process is about {words} after {seconds} s"
        time.sleep(0.02)
    return found


def await_none(*words: str, seconds: float = 60) -> None:
    """Wait until no such process is left.

    Raises:
        AssertionError: some are left; it names them.
    """
    deadline = time.monotonic() + seconds
    while found := processes(*words):
        assert time.monotonic() < deadline, f"still running after {seconds} s: {found}"
        time.sleep(0.02)


def _ancestors() -> set[int]:
    own, pid = set(), os.getpid()
    while pid > 0:
        own.add(pid)
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        pid = int(stat.rpartition(")")[2].split()[1])
    return own
