"""Evidence of a run, stored with its checksum, and never a reason for a repair to fail (SPEC FR-011, I6).

Everything is written to the spool first and delivered to the store right after. A store that is down
leaves the evidence ``spooled``; ``deliver`` brings it over later. Where even the spool fails the artifact
is ``missing``, and says so.
"""

import asyncio
import hashlib
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

from activities.adapters.durable import make_directory, sync_directory, write_all, write_durably
from activities.adapters.state_dir import StateDir, safe_name
from workflows.errors import OrchestratorError
from workflows.lifecycle import made_by
from workflows.models.artifact import (
    ARTIFACT_NAMESPACE,
    ArtifactState,
    RunArtifact,
    artifact_id,
    artifact_type,
)
from workflows.models.manifest import MANIFEST_NAME, Manifest, manifest_entry

DEFAULT_RETENTION = timedelta(days=90)
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*(?:\.[0-9]+)?\.[a-z]+")
_CONTENT_TYPES = {
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "log": "text/plain; charset=utf-8",
    "diff": "text/x-diff; charset=utf-8",
    "patch": "text/x-diff; charset=utf-8",
    "html": "text/html; charset=utf-8",
}


def artifact_name(name: str, round_number: int) -> str:
    """``build.log`` in round 1, ``build.2.log`` in round 2."""
    if round_number <= 1:
        return name
    stem, _, extension = name.rpartition(".")
    return f"{stem}.{round_number}.{extension}"


@dataclass(frozen=True)
class ArtifactStore:
    """A local directory store: ``<root>/spec_workflows/<run_id>/<name>``, spooled first.

    No method that writes raises for a store or spool that is down; the artifact's state tells.
    """

    root: Path
    spool: Path
    retention: timedelta = DEFAULT_RETENTION
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    @classmethod
    def in_state_dir(cls, state: StateDir) -> "ArtifactStore":
        """The store a worker without an object store uses."""
        return cls(root=state.artifact_root, spool=state.spool)

    async def put(self, run_id: str, name: str, data: bytes, content_type: str | None = None) -> RunArtifact:
        """Store a whole artifact; the same name again replaces it."""
        return await asyncio.to_thread(self._put, run_id, name, data, content_type)

    def open(self, run_id: str, name: str) -> "ArtifactWriter":
        """An artifact that grows: what is written can be read from its file at once (SPEC FR-005)."""
        return ArtifactWriter(self, run_id, name)

    async def read(self, artifact: RunArtifact) -> bytes:
        """The artifact's bytes, wherever they are by now, checked against its checksum.

        Raises:
            OrchestratorError: ``artifact_unreadable``.
        """
        return await asyncio.to_thread(self._read, artifact)

    async def existing(self, run_id: str, name: str) -> RunArtifact | None:
        """The artifact an earlier attempt stored under this name, if it is on this machine."""
        return await asyncio.to_thread(self._existing, run_id, name)

    async def deliver(self, run_id: str) -> tuple[RunArtifact, ...]:
        """Bring spooled evidence of a run to the store; returns it in its new state."""
        return await asyncio.to_thread(self._deliver_all, run_id)

    async def manifest(self, run_id: str, artifacts: tuple[RunArtifact, ...]) -> RunArtifact:
        """Write ``manifest.json`` over the given artifacts; of two with one name the last counts."""
        latest = {artifact.name: artifact for artifact in artifacts if artifact.name != MANIFEST_NAME}
        entries = tuple(manifest_entry(one, *made_by(one)) for _, one in sorted(latest.items()))
        document = Manifest(run_id=run_id, artifacts=entries)
        return await self.put(run_id, MANIFEST_NAME, document.model_dump_json(indent=2).encode() + b"\n")

    def locate(self, run_id: str, name: str) -> Path | None:
        """The file that holds an artifact now, also while it is still being written."""
        places = (self._spooled(run_id, name), self._stored(run_id, name))
        return next((path for path in places if path.is_file()), None)

    def names(self, run_id: str) -> tuple[str, ...]:
        """Names of all evidence of a run that is on this machine."""
        directories = (self.root / ARTIFACT_NAMESPACE / safe_name(run_id), self.spool / safe_name(run_id))
        found = {path.name for d in directories if d.is_dir() for path in d.iterdir() if path.is_file()}
        return tuple(sorted(name for name in found if _NAME.fullmatch(name)))

    def _put(self, run_id: str, name: str, data: bytes, content_type: str | None) -> RunArtifact:
        digest = hashlib.sha256(data).hexdigest()
        for path in (self._spooled(run_id, name), self._stored(run_id, name)):
            try:
                make_directory(path.parent)
                write_durably(path, data)
            except OSError:
                continue
            return self._deliver(path, run_id, digest, len(data), content_type)
        return self.describe(run_id, name, ArtifactState.MISSING, digest, len(data), content_type)

    def _deliver(self, path: Path, run_id: str, sha256: str, size: int, kind: str | None) -> RunArtifact:
        stored, state = self._stored(run_id, path.name), ArtifactState.STORED
        if path != stored:
            try:
                _move(path, stored)
            except OSError:
                state = ArtifactState.SPOOLED
        return self.describe(run_id, path.name, state, sha256, size, kind)

    def _existing(self, run_id: str, name: str) -> RunArtifact | None:
        path = self.locate(run_id, name)
        if path is None:
            return None
        state = ArtifactState.STORED if path == self._stored(run_id, name) else ArtifactState.SPOOLED
        return self.describe(run_id, name, state, *_checksum(path))

    def _deliver_all(self, run_id: str) -> tuple[RunArtifact, ...]:
        directory = self.spool / safe_name(run_id)
        waiting = sorted(directory.iterdir()) if directory.is_dir() else []
        delivered = []
        for path in waiting:
            if path.is_file() and _NAME.fullmatch(path.name):
                sha256, size = _checksum(path)
                delivered.append(self._deliver(path, run_id, sha256, size, None))
        return tuple(delivered)

    def describe(
        self, run_id: str, name: str, state: ArtifactState, sha256: str, size: int, kind: str | None = None
    ) -> RunArtifact:
        """The RunArtifact of evidence whose state is known."""
        path = (self._spooled if state is ArtifactState.SPOOLED else self._stored)(run_id, name)
        at = self.now()
        return RunArtifact(
            id=artifact_id(run_id, name), name=name, type=artifact_type(name), uri=path.absolute().as_uri(),
            sha256=sha256, size_bytes=size,
            content_type=kind or _CONTENT_TYPES.get(name.rpartition(".")[2], "application/octet-stream"),
            created_at=at, retain_until=at + self.retention, state=state,
        )  # fmt: skip

    def _read(self, artifact: RunArtifact) -> bytes:
        written = Path(unquote(urlsplit(artifact.uri).path))
        run_id = written.parent.name  # a spooled artifact may have been delivered since
        for path in (written, self._stored(run_id, artifact.name), self._spooled(run_id, artifact.name)):
            if path.is_file():
                data = path.read_bytes()
                if hashlib.sha256(data).hexdigest() == artifact.sha256:
                    return data
        raise OrchestratorError("artifact_unreadable", name=artifact.name, detail="no copy with its checksum")

    def _stored(self, run_id: str, name: str) -> Path:
        return self.root / ARTIFACT_NAMESPACE / safe_name(run_id) / _checked(name)

    def _spooled(self, run_id: str, name: str) -> Path:
        return self.spool / safe_name(run_id) / _checked(name)


@dataclass
class ArtifactWriter:
    """A growing artifact. ``write`` never raises; after a failed write the artifact is ``missing``."""

    store: ArtifactStore
    run_id: str
    name: str
    size_bytes: int = 0
    path: Path | None = None
    """The file that grows; None where neither spool nor store could open one."""
    _fd: int = -1
    _hash: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    _broken: bool = False

    def __post_init__(self) -> None:
        for path in (self.store._spooled(self.run_id, self.name), self.store._stored(self.run_id, self.name)):
            try:
                make_directory(path.parent)
                flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
                self._fd = os.open(path, flags, 0o600)
            except OSError:
                continue
            self.path = path
            return

    def write(self, data: bytes) -> None:
        """Append; readers of the file see it at once."""
        self._hash.update(data)
        self.size_bytes += len(data)
        if self._fd < 0 or self._broken:
            return
        try:
            write_all(self._fd, data)
        except OSError:
            self._broken = True

    async def close(self) -> RunArtifact:
        """Make it durable and deliver it."""
        return await asyncio.to_thread(self._close)

    def _close(self) -> RunArtifact:
        digest = self._hash.hexdigest()
        if self._fd >= 0:
            try:
                os.fsync(self._fd)
            except OSError:
                self._broken = True
            os.close(self._fd)
            self._fd = -1
            if self.path is not None and not self._broken:
                return self.store._deliver(self.path, self.run_id, digest, self.size_bytes, None)
        return self.store.describe(self.run_id, self.name, ArtifactState.MISSING, digest, self.size_bytes)


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"not an artifact name: {name!r}")
    return name


def _checksum(path: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size


def _move(source: Path, target: Path) -> None:
    """Copy whole, make it durable, then drop the source: a crash leaves at least one copy."""
    make_directory(target.parent)
    temporary = target.with_name(f".{target.name}.tmp")
    try:
        shutil.copyfile(source, temporary)
        temporary.chmod(0o600)
        fd = os.open(temporary, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        temporary.replace(target)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(target.parent)
    source.unlink()
