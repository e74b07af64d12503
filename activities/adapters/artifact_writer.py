"""An artifact that grows: visible while it does, whole and checked when it is closed (SPEC FR-005, I6)."""

import asyncio
import hashlib
import os
import tempfile
import weakref
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from activities.adapters.durable import write_all
from activities.adapters.live_log import LiveLog
from workflows.models.artifact import ArtifactState, RunArtifact

if TYPE_CHECKING:
    from activities.adapters.artifact_store import ArtifactStore

CUT = b"\n==> cut here: the rest could not be written <==\n"


@dataclass
class ArtifactWriter:
    """A growing artifact. ``write`` never raises; after a failed write the artifact is ``missing``.

    The file gets its name with the first bytes: what an earlier attempt left under that name stays until
    then, and whoever goes on from it writes it again with those first bytes.
    """

    store: "ArtifactStore"
    run_id: str
    name: str
    size_bytes: int = 0
    path: Path | None = None
    """The file that grows; None before the first bytes, and where the spool could not open one."""
    _fd: int = -1
    _inode: int = 0
    _hash: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    _broken: bool = False
    _live: LiveLog | None = None

    def __post_init__(self) -> None:
        self._temporary: Path | None = None
        try:
            self._fd, self._temporary = self.store.waiting.begin(self.run_id, self.name)
        except OSError:
            self._fd = _elsewhere()
        # Once, by ``close`` or with the writer: a lock that nobody lets go would keep the log in the spool.
        self._let_go = weakref.finalize(self, _close, self._fd)

    def write(self, data: bytes) -> None:
        """Append; readers of the file see it at once, those of the store within seconds."""
        self._hash.update(data)
        self.size_bytes += len(data)
        if self._fd < 0 or self._broken:
            return
        try:
            write_all(self._fd, data)
            if self._temporary is not None:
                self._publish()
        except OSError:
            self._broken = True

    async def close(self) -> RunArtifact:
        """Make it durable and bring it to the store, within the store's patience."""
        ready = await asyncio.to_thread(self._finish)
        try:
            if not ready:
                return self.store.describe(
                    self.run_id, self.name, ArtifactState.MISSING, self._hash.hexdigest(), self.size_bytes
                )
            return await self._deliver()
        finally:
            self._let_go()
            self._fd = -1

    async def _deliver(self) -> RunArtifact:
        about = self.store.describe(
            self.run_id, self.name, ArtifactState.STORED, self._hash.hexdigest(), self.size_bytes
        )
        if self.path is None:
            return await self.store.send(about, os.dup(self._fd))
        self._let_go()  # and the lock: whoever carries it takes that
        self._fd = -1
        return await self.store.carry(about, self.path, self._inode)

    def _publish(self) -> None:
        temporary, self._temporary = self._temporary, None
        assert temporary is not None, "published once"  # noqa: S101 - tells mypy
        try:
            self.path = self.store.waiting.publish(self._fd, temporary, self.run_id, self.name)
        except OSError:  # without a name it still goes straight to the store in the end
            return
        self._inode = os.fstat(self._fd).st_ino
        mirror = self.store.depot.mirror(self.run_id, self.name)
        if mirror is not None:
            self._live = LiveLog.follow(self, self.path, self._inode, mirror, self.store.refresh_seconds)

    def _finish(self) -> bool:
        if self._live is not None:
            self._live.stop()
        if self._fd < 0:
            return False
        try:
            if self._temporary is not None:
                self._publish()
            os.fsync(self._fd)
        except OSError:
            self._broken = True
        if self._broken:
            self._say_cut()
        return not self._broken

    def _say_cut(self) -> None:
        """What there is stays in the spool as evidence, and says itself that it is not all."""
        with suppress(OSError):  # over the last bytes: a full disk has room for nothing else
            os.pwrite(self._fd, CUT, max(0, os.fstat(self._fd).st_size - len(CUT)))
            os.fsync(self._fd)


def _close(fd: int) -> None:
    if fd >= 0:
        os.close(fd)


def _elsewhere() -> int:
    """The spool takes nothing (full, read-only): a file without a name may still find room."""
    try:
        with tempfile.TemporaryFile() as file:
            return os.dup(file.fileno())
    except OSError:
        return -1
