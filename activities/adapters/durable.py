"""Files of our own that survive a crash at any instant: whole old content or whole new content, 0600.

Project files are another matter; those go through the workspace adapter.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_durably(path: Path, data: bytes) -> None:
    """Replace ``path``; a reader or a crash sees the old or the new content, never a part.

    Raises:
        OSError: nothing was replaced.
    """
    with _complete_sibling(path, data) as temporary:
        temporary.replace(path)
    sync_directory(path.parent)


def write_once(path: Path, data: bytes) -> None:
    """Create ``path`` with its whole content, or fail because it exists (``O_EXCL`` for a whole file).

    Raises:
        FileExistsError: somebody was first; theirs is complete.
    """
    with _complete_sibling(path, data) as temporary:
        path.hardlink_to(temporary)
    sync_directory(path.parent)


def remove_durably(path: Path) -> None:
    """Take ``path`` away for good; fine where it is gone already."""
    path.unlink(missing_ok=True)
    sync_directory(path.parent)


@contextmanager
def _complete_sibling(path: Path, data: bytes) -> Iterator[Path]:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            write_all(fd, data)
            os.fsync(fd)
        finally:
            os.close(fd)
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def write_all(fd: int, data: bytes) -> None:
    """Write every byte; ``os.write`` may take fewer."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def make_directory(path: Path) -> None:
    """A private directory whose name survives a crash."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make a rename or a new name in ``path`` survive a power cut."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
