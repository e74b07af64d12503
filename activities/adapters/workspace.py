"""The only writer of project files: inside the workspace, on the allow list, atomic, checked (I1, I8).

A path is resolved first, links followed, and both names must be on the allow list. Every access then
walks from the workspace down through directory descriptors that never follow a link, so that a link
swapped in meanwhile is refused instead of followed. Modification times are not put back: a file that
changed twice has been changed, and tools that watch times must notice.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from activities.adapters.durable import write_all
from workflows.allow_list import allowed
from workflows.errors import OrchestratorError
from workflows.models.target import Target

MINIMUM_FREE_BYTES = 64 * 1024 * 1024
_TEMPORARY = ".{name}.mm-orchestrator.tmp"


@dataclass(frozen=True)
class ResolvedFile:
    """A file a run may write."""

    path: str
    """As the plan names it, relative to the workspace."""
    resolved: str
    """Relative to the workspace, symbolic links followed."""
    absolute: Path


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
                not a regular file, or with a second hard link; ``diff_invalid`` where its directory
                is missing.
        """
        if not allowed(path, self.target.allow):
            raise OrchestratorError("diff_not_allowed", path=path)
        root = self.root
        real = Path(os.path.realpath(root / path))
        resolved = real.relative_to(root).as_posix() if real.is_relative_to(root) else ""
        if not allowed(resolved, self.target.allow):
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
        with _mapped(file.path), self._parent(file) as (directory, name):
            temporary = _TEMPORARY.format(name=name)
            try:
                _write_temporary(directory, temporary, name, image)
                if _read_at(directory, name).sha256 != expect_sha256:
                    raise OrchestratorError("foreign_change", path=path)
                if expect_sha256 is None:
                    os.link(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
                else:
                    os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
            except FileExistsError as error:
                raise OrchestratorError("foreign_change", path=path) from error
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(temporary, dir_fd=directory)
            os.fsync(directory)
            if _read_at(directory, name).sha256 != image.sha256:
                raise OrchestratorError("foreign_change", path=path)

    def remove(self, path: str, expect_sha256: str) -> None:
        """Delete a file that this run made, if nobody changed it since.

        Raises:
            OrchestratorError: ``foreign_change``; ``write_failed``.
        """
        file = self.resolve(path)
        with _mapped(path), self._parent(file) as (directory, name):
            if _read_at(directory, name).sha256 != expect_sha256:
                raise OrchestratorError("foreign_change", path=path)
            os.unlink(name, dir_fd=directory)
            os.fsync(directory)

    def sweep(self, path: str) -> None:
        """Delete the temporary file that a killed write of ``path`` may have left."""
        file = self.resolve(path)
        with _mapped(path), self._parent(file) as (directory, name), suppress(FileNotFoundError):
            os.unlink(_TEMPORARY.format(name=name), dir_fd=directory)

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
        with _mapped(file.path), self._parent(file) as (directory, name):
            return _read_at(directory, name)

    def _require_plain(self, file: ResolvedFile) -> None:
        try:
            with self._parent(file) as (directory, name):
                status = os.stat(name, dir_fd=directory, follow_symlinks=False)
                links = status.st_nlink - _own_link(directory, name, status.st_ino)
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
    def _parent(self, file: ResolvedFile) -> Iterator[tuple[int, str]]:
        """The directory that holds the file, opened without following a single link."""
        *parents, name = file.resolved.split("/")
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        directory = os.open(self.root, flags)
        try:
            for part in parents:
                inner = os.open(part, flags, dir_fd=directory)
                os.close(directory)
                directory = inner
            yield directory, name
        finally:
            os.close(directory)


def _read_at(directory: int, name: str) -> FileImage:
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    except FileNotFoundError:
        return _absent_in(directory)
    with os.fdopen(fd, "rb") as stream:
        status = os.fstat(fd)
        return FileImage(stream.read(), stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)


def _own_link(directory: int, name: str, inode: int) -> int:
    """1 where a killed creation left its temporary name on the very same file."""
    with suppress(FileNotFoundError):
        temporary = os.stat(_TEMPORARY.format(name=name), dir_fd=directory, follow_symlinks=False)
        return int(temporary.st_ino == inode)
    return 0


def _absent_in(directory: int) -> FileImage:
    """No file; one that root makes there belongs to whoever owns the directory."""
    if os.geteuid() != 0:
        return FileImage(data=None, uid=os.geteuid(), gid=os.getegid())
    status = os.fstat(directory)
    return FileImage(data=None, uid=status.st_uid, gid=status.st_gid)


def _write_temporary(directory: int, temporary: str, name: str, image: FileImage) -> None:
    with suppress(FileNotFoundError):  # left by a write that was killed; we hold the project's lock
        os.unlink(temporary, dir_fd=directory)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(temporary, flags, 0o600, dir_fd=directory)
    try:
        _copy_attributes(directory, name, fd)
        write_all(fd, image.data or b"")
        status = os.fstat(fd)
        if (status.st_uid, status.st_gid) != (image.uid, image.gid):
            os.fchown(fd, image.uid, image.gid)
        os.fchmod(fd, image.mode)  # after the owner: chown clears set-id bits
        os.fsync(fd)
    finally:
        os.close(fd)


def _copy_attributes(directory: int, name: str, fd: int) -> None:
    """Labels and access lists go with the file where the file system knows them."""
    with suppress(OSError):
        source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
        try:
            for attribute in os.listxattr(source):
                os.setxattr(fd, attribute, os.getxattr(source, attribute))
        finally:
            os.close(source)


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
        if error.errno in {errno.ELOOP, errno.ENOTDIR}:  # a link or file was swapped in meanwhile
            raise OrchestratorError("foreign_change", path=path) from error
        raise OrchestratorError("write_failed", detail=f"{path}: {error.strerror or error}") from error
