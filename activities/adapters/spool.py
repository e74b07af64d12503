"""The spool: where every artifact is first, durably, until the store has it (I6).

A name always stands for one inode. Who writes it anew makes another inode and renames it over the name; who
carries it to the store holds a lock on the inode and takes the name away only where it still stands for
that one. So an upload that comes late can neither remove nor replace what was written since.
"""

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from activities.adapters.depot import checked, is_name
from activities.adapters.durable import make_directory, write_all
from activities.adapters.state_dir import safe_name
from workflows.models.manifest import MANIFEST_NAME

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class Spool:
    """``<root>/<run_id>/<name>``, 0600."""

    root: Path

    def path(self, run_id: str, name: str) -> Path:
        """Where an artifact waits, or would."""
        return self.root / safe_name(run_id) / checked(name)

    def begin(self, run_id: str, name: str) -> tuple[int, Path]:
        """An open, locked file that has no name yet; ``publish`` gives it its own.

        Raises:
            OSError: the spool takes no file.
        """
        target = self.path(run_id, name)
        temporary = target.with_name(f".{name}.{secrets.token_hex(6)}.tmp")
        make_directory(self.root)
        with _alone(self.root) as root:  # an empty directory is not tidied away in this very moment
            if not target.parent.is_dir():
                target.parent.mkdir(mode=0o700)
                os.fsync(root)
            fd = os.open(temporary, _FLAGS, 0o600)
            fcntl.flock(fd, fcntl.LOCK_EX)
        return fd, temporary

    def publish(self, fd: int, temporary: Path, run_id: str, name: str) -> Path:
        """Give a begun file its name, instead of what had it, once what is in it is durable.

        Raises:
            OSError: the name stands for what it stood for.
        """
        target = self.path(run_id, name)
        try:
            os.fsync(fd)
            with _alone(target.parent) as directory:
                temporary.replace(target)
                os.fsync(directory)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        return target

    def add(self, run_id: str, name: str, data: bytes) -> tuple[Path, int]:
        """A whole artifact; returns its path and inode.

        Raises:
            OSError: the spool does not take it.
        """
        fd, temporary = self.begin(run_id, name)
        try:
            write_all(fd, data)
            return self.publish(fd, temporary, run_id, name), os.fstat(fd).st_ino
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        finally:
            os.close(fd)

    @contextmanager
    def taken(self, path: Path, inode: int | None = None) -> Iterator[int | None]:
        """The file, locked against whoever else would carry it; None where it grows or is another one."""
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            yield None
            return
        try:
            yield fd if _lock(fd) and inode in {None, os.fstat(fd).st_ino} else None
        finally:
            os.close(fd)

    def drop(self, path: Path, fd: int) -> None:
        """Take the name away, if it still stands for this file."""
        with _alone(path.parent) as directory, suppress(FileNotFoundError):
            if path.stat().st_ino == os.fstat(fd).st_ino:
                path.unlink()
                os.fsync(directory)

    def runs(self) -> tuple[str, ...]:
        """Runs that have something here."""
        if not self.root.is_dir():
            return ()
        return tuple(sorted(path.name for path in self.root.iterdir() if path.is_dir()))

    def files(self, run_id: str) -> tuple[Path, ...]:
        """What waits of a run, what still grows included; the manifest last."""
        try:
            found = sorted((self.root / safe_name(run_id)).iterdir(), key=_manifest_last)
        except OSError:
            return ()
        return tuple(path for path in found if is_name(path.name) and path.is_file())

    def grows(self, path: Path) -> bool:
        """Whether somebody writes or carries it right now."""
        with self.taken(path) as fd:
            return fd is None

    def idle_seconds(self, run_id: str) -> float:
        """For how long nothing of a run was written."""
        return time.time() - max((found.st_mtime for found in self._stats(run_id)), default=0.0)

    def tidy(self, run_id: str) -> None:
        """Remove a run's directory once it is empty, but for what somebody who was killed had begun."""
        directory = self.root / safe_name(run_id)
        with suppress(OSError), _alone(self.root):  # not empty, or gone
            for path in directory.glob(".*.tmp"):
                if not self.grows(path):
                    path.unlink()
            directory.rmdir()

    def size(self) -> tuple[int, int]:
        """How many files wait here, and their bytes."""
        sizes = [found.st_size for run_id in self.runs() for found in self._stats(run_id)]
        return len(sizes), sum(sizes)

    def _stats(self, run_id: str) -> Iterator[os.stat_result]:
        for path in self.files(run_id):
            with suppress(FileNotFoundError):  # delivered in this very moment
                yield path.stat()


def _manifest_last(path: Path) -> tuple[bool, str]:
    return path.name == MANIFEST_NAME, path.name


def _lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextmanager
def _alone(directory: Path) -> Iterator[int]:
    """Names in a directory change one at a time; held for microseconds, never over a network."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield fd
    finally:
        os.close(fd)
