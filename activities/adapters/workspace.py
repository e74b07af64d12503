"""The only writer of project files: inside the workspace, on the allow list, atomic, checked (I1, I8).

A path is resolved first, links followed, and both names must be on the allow list. Every access then
walks from the workspace down through directory descriptors that never follow a link, so that a link
swapped in meanwhile is refused instead of followed. No file is ever opened for writing: new content gets
a name of its own and the names change places (``replacing``), so a hard link made meanwhile leads to the
old content. Modification times are not put back: a file that changed twice has been changed, and tools
that watch times must notice.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from activities.adapters.forbidden_files import is_forbidden
from activities.adapters.replacing import FileImage, Slot
from workflows.allow_list import allowed
from workflows.errors import OrchestratorError
from workflows.models.target import Target

__all__ = ["MINIMUM_FREE_BYTES", "FileImage", "ResolvedFile", "Workspace"]

MINIMUM_FREE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class ResolvedFile:
    """A file a run may write."""

    path: str
    """As the plan names it, relative to the workspace."""
    resolved: str
    """Relative to the workspace, symbolic links followed."""
    absolute: Path


@dataclass(frozen=True)
class Workspace:
    """The files of one target. All methods do blocking file IO and raise ``OrchestratorError``."""

    target: Target

    @property
    def root(self) -> Path:
        """The workspace itself, links followed."""
        return Path(os.path.realpath(self.target.workspace))

    def resolve(self, path: str) -> ResolvedFile:
        """Where ``path`` really leads, if a run may write there.

        Raises:
            OrchestratorError: ``diff_not_allowed`` for anything outside the workspace or the allow list,
                what no policy can allow, what is not a regular file, has a second hard link or is larger
                than 8 MiB; ``diff_invalid`` where its directory is missing; ``foreign_change`` where
                somebody swaps links meanwhile.
        """
        if not allowed(path, self.target.allow):
            raise OrchestratorError("diff_not_allowed", path=path)
        root = self.root
        try:
            real = Path(os.path.realpath(root / path))
        except OSError as error:  # a link on the way was swapped for something else while it was read
            raise OrchestratorError("foreign_change", path=path) from error
        resolved = real.relative_to(root).as_posix() if real.is_relative_to(root) else ""
        if not allowed(resolved, self.target.allow) or is_forbidden(real, self.target):
            raise OrchestratorError("diff_not_allowed", path=f"{path} (it leads to {real})")
        file = ResolvedFile(path=path, resolved=resolved, absolute=real)
        self._require_plain(file)
        return file

    def inspect(self, path: str) -> FileImage:
        """Content, mode and owner as they are now."""
        return self._inspect(self.resolve(path))

    def read(self, path: str) -> bytes | None:
        """The file's content, None where it does not exist."""
        return self.inspect(path).data

    def hash(self, path: str) -> str | None:
        """SHA-256 of the content, None where there is no file."""
        return self.inspect(path).sha256

    def write_atomic(self, path: str, image: FileImage, expect_sha256: str | None) -> None:
        """Give ``path`` the image's content, mode and owner in one step, if it still is what we expect.

        Raises:
            OrchestratorError: ``foreign_change`` where it is not; ``write_failed``.
        """
        if image.data is None:
            raise ValueError("nothing to write")
        file = self.resolve(path)
        with _mapped(path), self._slot(file) as slot:
            slot.write(image, expect_sha256)

    def remove(self, path: str, expect_sha256: str) -> None:
        """Delete a file that this run made, if nobody changed it since.

        Raises:
            OrchestratorError: ``foreign_change``; ``write_failed``.
        """
        file = self.resolve(path)
        with _mapped(path), self._slot(file) as slot:
            slot.remove(expect_sha256)

    def sweep(self, path: str, before: str | None, written: tuple[str, ...]) -> None:
        """Delete what a killed write of ``path`` may have left beside it.

        Args:
            path: the file.
            before: its hash before the run, None where it did not exist.
            written: the hashes this run gave it.

        Raises:
            OrchestratorError: ``foreign_change`` where the write was killed in the very instant in which
                it had somebody else's edit in its hands; the edit is back.
        """
        file = self.resolve(path)
        with _mapped(path), self._slot(file) as slot:
            slot.sweep(before, written)

    def check_writable(self, *paths: str) -> None:
        """Can the workspace, and each of these files, be written by this process?

        Raises:
            OrchestratorError: ``workspace_missing``, ``workspace_owner_mismatch``,
                ``workspace_read_only``, ``disk_full``.
        """
        root = self.root
        if not root.is_dir():
            raise OrchestratorError("workspace_missing", path=self.target.workspace)
        places = {root}
        for path in paths:
            file = self.resolve(path)
            places |= {file.absolute.parent} | ({file.absolute} if file.absolute.exists() else set())
        for place in sorted(places):
            _check_place(place)

    def _inspect(self, file: ResolvedFile) -> FileImage:
        with _mapped(file.path), self._slot(file) as slot:
            return slot.read()

    def _require_plain(self, file: ResolvedFile) -> None:
        try:
            with self._slot(file) as slot:
                status, links = slot.status()
        except FileNotFoundError as error:
            if file.absolute.parent.is_dir():
                return
            raise OrchestratorError(
                "diff_invalid", detail=f"the directory of {file.path} does not exist"
            ) from error
        except OSError as error:
            raise OrchestratorError("diff_not_allowed", path=f"{file.path} ({error.strerror})") from error
        if not stat.S_ISREG(status.st_mode):
            raise OrchestratorError("diff_not_allowed", path=f"{file.path} (not a regular file)")
        if links > 1:
            raise OrchestratorError("diff_not_allowed", path=f"{file.path} (it has a second hard link)")

    @contextmanager
    def _slot(self, file: ResolvedFile) -> Iterator[Slot]:
        """The file's place in its directory, which is opened without following a single link."""
        directory = self._open_parent(file)
        try:
            yield Slot(file.path, directory, file.absolute.name, lambda: self._is_parent(file, directory))
        finally:
            os.close(directory)

    def _is_parent(self, file: ResolvedFile, directory: int) -> bool:
        """Whether this directory still is the one that the path names."""
        with suppress(OSError):
            again = self._open_parent(file)
            try:
                return os.path.sameopenfile(again, directory)
            finally:
                os.close(again)
        return False

    def _open_parent(self, file: ResolvedFile) -> int:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        directory = os.open(self.root, flags)
        for part in file.resolved.split("/")[:-1]:
            try:
                inner = os.open(part, flags, dir_fd=directory)
            finally:
                os.close(directory)
            directory = inner
        return directory


def _check_place(place: Path) -> None:
    status = place.stat()
    uid = os.geteuid()
    if uid not in {0, status.st_uid}:
        raise OrchestratorError("workspace_owner_mismatch", path=place, owner=status.st_uid, uid=uid)
    volume = os.statvfs(place)
    if volume.f_flag & os.ST_RDONLY or not os.access(place, os.W_OK, effective_ids=True):
        raise OrchestratorError("workspace_read_only", path=place)
    free = volume.f_bavail * volume.f_frsize
    if free < MINIMUM_FREE_BYTES:
        needed = MINIMUM_FREE_BYTES // (1024 * 1024)
        raise OrchestratorError(
            "disk_full", path=place, detail=f"{free // (1024 * 1024)} MiB left, {needed} needed"
        )


@contextmanager
def _mapped(path: str) -> Iterator[None]:
    """Turn what the operating system says into the catalogue's words."""
    try:
        yield
    except OSError as error:
        if error.errno in {
            errno.ELOOP,
            errno.ENOTDIR,
            errno.EISDIR,
        }:  # something else was swapped in meanwhile
            raise OrchestratorError("foreign_change", path=path) from error
        raise OrchestratorError("write_failed", detail=f"{path}: {error.strerror or error}") from error
