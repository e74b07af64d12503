"""One file's place in its directory: read, replaced and removed without losing anybody's work (I8).

New content is written beside the file under a name of its own, complete and on disk. Then the two names
change places in one step, and only then is the displaced file looked at: is it the very content that was
expected, alone in its inode, and does nobody hold it open for writing? If not, the names change back and
the answer is ``foreign_change``. So an edit is noticed whenever it came; nothing is looked at first and
changed later.

What remains, said plainly:
- For some microseconds a reader may see the new content although the answer will be ``foreign_change``.
- Where the file system cannot exchange names (NFS, 9p), the old file keeps a second name instead while
  ours is renamed over the first. An editor that saves by renaming between that last look and our rename,
  some microseconds, is not noticed there. Where it knows neither, the write fails.
- Where it knows no leases, or the file belongs to somebody else, an editor that opened the file before
  the exchange and writes into it after the look is not noticed.
- Who maps a file on another machine (NFS) and writes later is not seen by any of this.
"""

import hashlib
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from activities.adapters.durable import write_all
from activities.adapters.file_swap import (
    UnsupportedError,
    exchange,
    move_to_free_name,
    open_regular,
    read_at_most,
    read_unwritten,
    unlink_quietly,
)
from workflows.errors import OrchestratorError

MAX_FILE_BYTES = 8 * 1024 * 1024
"""A larger file is no manifest; it is refused before it is read."""
_PARTIAL = ".{name}.mm-orchestrator.tmp"
"""Content of ours that may not be complete; nobody misses it."""
_BESIDE = ".{name}.mm-orchestrator.swap"
"""Complete: ours right before the exchange, what was displaced after it."""
_CHASES = 100
"""How often somebody may replace the file while theirs is being put back."""


@dataclass(frozen=True)
class FileImage:
    """A project file at one instant; ``data`` is None where it does not exist."""

    data: bytes | None
    mode: int = 0o644
    uid: int = 0
    gid: int = 0

    @property
    def sha256(self) -> str | None:
        """Hash of the content, None where there is no file."""
        return None if self.data is None else hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True)
class Slot:
    """A name in an open directory. Blocking; ``OSError`` is the caller's to translate."""

    path: str
    """As the plan names it, for messages."""
    directory: int
    name: str
    in_place: Callable[[], bool]
    """Whether the directory still is where the path says."""

    @property
    def _partial(self) -> str:
        return _PARTIAL.format(name=self.name)

    @property
    def _beside(self) -> str:
        return _BESIDE.format(name=self.name)

    def read(self, name: str | None = None) -> FileImage:
        """The file as it is now.

        Raises:
            OrchestratorError: ``diff_not_allowed`` where it is larger than ``MAX_FILE_BYTES``.
        """
        try:
            fd = open_regular(self.directory, name or self.name)
        except FileNotFoundError:
            return self._absent()
        try:
            status, data = os.fstat(fd), read_at_most(fd, MAX_FILE_BYTES + 1)
        finally:
            os.close(fd)
        if len(data) > MAX_FILE_BYTES:
            detail = f"{self.path} (it is larger than {MAX_FILE_BYTES >> 20} MiB)"
            raise OrchestratorError("diff_not_allowed", path=detail)
        return FileImage(data, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)

    def status(self) -> tuple[os.stat_result, int]:
        """The name itself, and its links without one that a killed creation of ours left."""
        status = os.stat(self.name, dir_fd=self.directory, follow_symlinks=False)
        own = sum(self._inode(name) == status.st_ino for name in (self._partial, self._beside))
        return status, status.st_nlink - own

    def write(self, image: FileImage, expect_sha256: str | None) -> None:
        """Replace exactly the expected content, or nothing.

        Raises:
            OrchestratorError: ``foreign_change``; whatever is there now was kept.
        """
        self._refuse_leftover({image.sha256, expect_sha256})
        try:
            ours = self._write_partial(image)
            self._require(self.read().sha256 == expect_sha256 and self.in_place())
            if expect_sha256 is None:
                move_to_free_name(self.directory, self._partial, self.name)
            else:
                self._replace(ours, expect_sha256)
        except FileExistsError:
            self._require(held=False)
        finally:
            unlink_quietly(self.directory, self._partial)
        os.fsync(self.directory)
        self._require(self.read().sha256 == image.sha256 and self.in_place())

    def remove(self, expect_sha256: str) -> None:
        """Delete exactly the expected content, or nothing.

        Raises:
            OrchestratorError: ``foreign_change``; whatever is there now was kept.
        """
        self._refuse_leftover({expect_sha256})
        self._require(self.read().sha256 == expect_sha256 and self.in_place())
        try:
            self._rename(self.name, self._beside)
        except FileNotFoundError:
            self._require(held=False)
        if not self._is_untouched(expect_sha256):
            with suppress(FileExistsError):  # they saved once more meanwhile: that is their latest word
                move_to_free_name(self.directory, self._beside, self.name)
            unlink_quietly(self.directory, self._beside)
            self._require(held=False)
        os.unlink(self._beside, dir_fd=self.directory)
        os.fsync(self.directory)

    def sweep(self, before: str | None, written: tuple[str, ...]) -> None:
        """Delete what a killed write left; put back what it had displaced but not looked at yet.

        Raises:
            OrchestratorError: ``foreign_change``: the displaced file was somebody else's edit.
        """
        unlink_quietly(self.directory, self._partial)
        inode = self._inode(self._beside)
        if inode is None:
            return
        left = self._content(self._beside)
        if left is not None and left in {before, *written}:
            unlink_quietly(self.directory, self._beside)
        elif (now := self._content(self.name)) is not None and now in written and now != before:
            self._put_back(self._inode(self.name))
            self._require(held=False)

    def _replace(self, ours: int, expect_sha256: str) -> None:
        self._rename(self._partial, self._beside)
        try:
            exchange(self.directory, self.name, self._beside)
        except UnsupportedError:
            self._rename(self._beside, self._partial)
            self._replace_by_rename(ours, expect_sha256)
            return
        except OSError:  # the name is gone, or the disk fails: nothing has moved
            unlink_quietly(self.directory, self._beside)
            self._require(self._inode(self.name) is not None)
            raise
        self._judge(ours, expect_sha256)

    def _replace_by_rename(self, ours: int, expect_sha256: str) -> None:
        """Without an exchange: give the old file a second name, rename over the first, then look at it."""
        os.link(
            self.name,
            self._beside,
            src_dir_fd=self.directory,
            dst_dir_fd=self.directory,
            follow_symlinks=False,
        )
        if self._inode(self._beside) != self._inode(self.name):
            unlink_quietly(self.directory, self._beside)
            self._require(held=False)
        self._rename(self._partial, self.name)
        self._judge(ours, expect_sha256)

    def _judge(self, ours: int, expect_sha256: str) -> None:
        """Ours has the name: was what it displaced the file we meant? If not, it gets the name back."""
        if self._is_untouched(expect_sha256) and self.in_place():
            unlink_quietly(self.directory, self._beside)
            return
        self._put_back(ours)
        self._require(held=False)

    def _put_back(self, ours: int | None) -> None:
        """Let the displaced file and ours change places again, also while somebody keeps replacing.

        Whatever the name holds at the end is the latest that somebody else put there.
        """
        stale = ours
        for _ in range(_CHASES):
            theirs = self._inode(self._beside)
            try:
                exchange(self.directory, self.name, self._beside)
            except UnsupportedError:
                if self._inode(self.name) == ours:
                    self._rename(self._beside, self.name)
                unlink_quietly(self.directory, self._beside)
                return
            except FileNotFoundError:  # the name was deleted meanwhile
                with suppress(FileExistsError):
                    move_to_free_name(self.directory, self._beside, self.name)
                    return
                continue
            if self._inode(self._beside) == stale:
                unlink_quietly(self.directory, self._beside)
                return
            stale = theirs

    def _is_untouched(self, expect_sha256: str) -> bool:
        """Whether the displaced file is the expected content, has no other name, and nobody writes it."""
        try:
            fd = open_regular(self.directory, self._beside)
        except OSError:  # a link, a directory, a pipe
            return False
        try:
            data = read_unwritten(fd, MAX_FILE_BYTES + 1)
            return _digest(data) == expect_sha256 and os.fstat(fd).st_nlink == 1
        finally:
            os.close(fd)

    def _refuse_leftover(self, known: set[str | None]) -> None:
        """What a killed write left is swept where it is known; anything else is not ours to delete."""
        if self._inode(self._beside) is None:
            return
        content = self._content(self._beside)
        if content is None or content not in known:
            raise OrchestratorError("foreign_change", path=f"{self.path} (see {self._beside} beside it)")
        unlink_quietly(self.directory, self._beside)

    def _content(self, name: str) -> str | None:
        """Hash of a regular file of at most ``MAX_FILE_BYTES``."""
        with suppress(OSError, OrchestratorError):
            return self.read(name).sha256
        return None

    def _rename(self, old: str, new: str) -> None:
        os.rename(old, new, src_dir_fd=self.directory, dst_dir_fd=self.directory)

    def _inode(self, name: str) -> int | None:
        with suppress(FileNotFoundError):
            return os.stat(name, dir_fd=self.directory, follow_symlinks=False).st_ino
        return None

    def _require(self, held: bool) -> None:
        if not held:
            raise OrchestratorError("foreign_change", path=self.path)

    def _absent(self) -> FileImage:
        """No file; one that root makes there belongs to whoever owns the directory."""
        if os.geteuid() != 0:
            return FileImage(data=None, uid=os.geteuid(), gid=os.getegid())
        status = os.fstat(self.directory)
        return FileImage(data=None, uid=status.st_uid, gid=status.st_gid)

    def _write_partial(self, image: FileImage) -> int:
        """Write and sync our content under a name of its own; its inode number."""
        unlink_quietly(self.directory, self._partial)  # left by a killed write; we hold the project's lock
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(self._partial, flags, 0o600, dir_fd=self.directory)
        try:
            self._copy_attributes(fd)
            write_all(fd, image.data or b"")
            status = os.fstat(fd)
            if (status.st_uid, status.st_gid) != (image.uid, image.gid):
                os.fchown(fd, image.uid, image.gid)
            os.fchmod(fd, image.mode)  # after the owner: chown clears set-id bits
            os.fsync(fd)
            return status.st_ino
        finally:
            os.close(fd)

    def _copy_attributes(self, fd: int) -> None:
        """Labels and access lists go with the file where the file system knows them."""
        with suppress(OSError):
            source = open_regular(self.directory, self.name)
            try:
                for attribute in os.listxattr(source):
                    os.setxattr(fd, attribute, os.getxattr(source, attribute))
            finally:
                os.close(source)


def _digest(data: bytes | None) -> str | None:
    return None if data is None else hashlib.sha256(data).hexdigest()
