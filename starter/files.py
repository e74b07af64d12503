"""Local files read piece by piece, and never anything that only looks like one."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

CHUNK_BYTES: Final = 1 << 20
"""At most so much of a file is held in memory."""


def file_chunks(path: Path, offset: int = 0) -> Iterator[bytes]:
    """A regular file's bytes from ``offset`` on; a symbolic link, a pipe or a device is never opened.

    Raises:
        OSError: it cannot be read, or is no regular file.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with open(os.open(path, flags), "rb") as file:  # noqa: PTH123 - a descriptor
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(f"{path} is no regular file")
        file.seek(offset)
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
