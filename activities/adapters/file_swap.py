"""Names of one directory, changed so that nothing somebody else put there can be lost (I8).

Everything works relative to an open directory and never follows a link. Where the kernel and the file
system can exchange two names in one step (``renameat2``), what a name held before is kept under the
other name and looked at *afterwards*; so there is no instant between a look and a change.
"""

import ctypes
import errno
import fcntl
import os
import signal
import stat
from contextlib import suppress

_NOREPLACE, _EXCHANGE = 1, 2
_UNSUPPORTED = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM}
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_libc = ctypes.CDLL(None, use_errno=True)


class UnsupportedError(OSError):
    """The kernel or this file system cannot do it in one step."""


def exchange(directory: int, one: str, other: str) -> None:
    """Let two names of a directory change places in one step.

    Raises:
        UnsupportedError: not possible here.
        OSError: one of them is gone, the disk fails.
    """
    _renameat2(directory, one, other, _EXCHANGE)


def move_to_free_name(directory: int, old: str, new: str) -> None:
    """Rename, but only where ``new`` is no name yet.

    Raises:
        FileExistsError: it is one.
        OSError: ``old`` is gone, the disk fails.
    """
    try:
        _renameat2(directory, old, new, _NOREPLACE)
    except UnsupportedError:
        os.link(old, new, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
        os.unlink(old, dir_fd=directory)


def open_regular(directory: int, name: str) -> int:
    """A descriptor to read a regular file.

    Raises:
        OSError: ``ELOOP`` for a link, ``EISDIR`` for anything else that is no regular file; no such file.
    """
    fd = os.open(name, _READ, dir_fd=directory)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EISDIR, "not a regular file")
    return fd


def unlink_quietly(directory: int, name: str) -> None:
    """Remove a name if it is there; a link itself, never what it leads to."""
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=directory)


def read_unwritten(fd: int, limit: int) -> bytes | None:
    """At most ``limit`` bytes; None where a process holds the file open for writing.

    A lease tells who writes, also one who opens it meanwhile. Where the file system knows no leases, or
    the file is not ours to lease, the content alone has to do.
    """
    # the kernel's notice of a broken lease, by default a signal that kills, becomes one that is ignored
    fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return None if error.errno == errno.EAGAIN else read_at_most(fd, limit)
    try:
        data = read_at_most(fd, limit)
        return data if fcntl.fcntl(fd, fcntl.F_GETLEASE) == fcntl.F_RDLCK else None
    finally:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)


def read_at_most(fd: int, limit: int) -> bytes:
    """The first ``limit`` bytes of a file."""
    data, at = bytearray(), 0
    while at < limit and (piece := os.pread(fd, min(limit - at, 1 << 20), at)):
        data += piece
        at += len(piece)
    return bytes(data)


def _renameat2(directory: int, old: str, new: str, flags: int) -> None:
    function = getattr(_libc, "renameat2", None)
    if function is None:  # an older C library
        raise UnsupportedError(errno.ENOSYS, "renameat2")
    if function(directory, os.fsencode(old), directory, os.fsencode(new), flags) == 0:
        return
    code = ctypes.get_errno()
    kind = UnsupportedError if code in _UNSUPPORTED else OSError
    raise kind(code, os.strerror(code), new)
