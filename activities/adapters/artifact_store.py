"""Evidence of a run, stored with its checksum, and never a reason for a repair to fail (SPEC FR-011, I6).

Everything is written to the spool first and brought to the store right after. A store that is down, slow
or full leaves the evidence ``spooled``; the report step and the delivery bring it over later. Where even
the spool fails it goes straight to the store; only where both fail it is ``missing``, and says so.
"""

import asyncio
import hashlib
import io
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from activities.adapters.artifact_writer import ArtifactWriter
from activities.adapters.carrying import carry, in_background
from activities.adapters.depot import Depot, Evidence, checksum_of, content_type, problem_of
from activities.adapters.directory_depot import DirectoryDepot
from activities.adapters.live_log import REFRESH_SECONDS
from activities.adapters.spool import Spool
from activities.adapters.state_dir import StateDir
from workflows.errors import OrchestratorError
from workflows.lifecycle import made_by
from workflows.models.artifact import ArtifactState, RunArtifact, artifact_id, artifact_type
from workflows.models.manifest import MANIFEST_NAME, Manifest, manifest_entry

DEFAULT_RETENTION: Final = timedelta(days=90)
_WHOLE_RUN_SECONDS: Final = 30.0
"""How long a report tries to bring over what its run has spooled; the delivery has all the time."""

Answer = TypeVar("Answer")
_log = logging.getLogger("mm_orchestrator.evidence")


def artifact_name(name: str, round_number: int) -> str:
    """``build.log`` in round 1, ``build.2.log`` in round 2."""
    if round_number <= 1:
        return name
    stem, _, extension = name.rpartition(".")
    return f"{stem}.{round_number}.{extension}"


@dataclass(frozen=True)
class ArtifactStore:
    """A spool in front of a store. No method that writes raises for either; the artifact's state tells."""

    spool: Path
    depot: Depot
    retention: timedelta = DEFAULT_RETENTION
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    refresh_seconds: float = REFRESH_SECONDS
    """How often a growing log is shown in the store."""

    @classmethod
    def in_state_dir(cls, state: StateDir, retention: timedelta = DEFAULT_RETENTION) -> "ArtifactStore":
        """The store a worker without an object store uses."""
        return cls(state.spool, DirectoryDepot(state.artifact_root), retention)

    @property
    def waiting(self) -> Spool:
        """What waits for the store."""
        return Spool(self.spool)

    async def put(self, run_id: str, name: str, data: bytes, kind: str | None = None) -> RunArtifact:
        """Store a whole artifact; the same name again replaces it."""
        digest = hashlib.sha256(data).hexdigest()
        about = self.describe(run_id, name, ArtifactState.STORED, digest, len(data), kind)
        try:
            path, inode = await asyncio.to_thread(self.waiting.add, run_id, name, data)
        except OSError:
            return await self._send_bytes(about, data)
        return await self.carry(about, path, inode)

    def open(self, run_id: str, name: str) -> ArtifactWriter:
        """An artifact that grows: it can be read from its file at once, in the store soon (SPEC FR-005)."""
        return ArtifactWriter(self, run_id, name)

    async def read(self, artifact: RunArtifact) -> bytes:
        """The artifact's bytes, wherever they are by now, checked against its checksum.

        Raises:
            OrchestratorError: ``artifact_unreadable``.
        """
        run_id = run_of(artifact)
        for look in (self._from_spool, self.depot.read):
            try:
                data = await self._patiently(partial(look, run_id, artifact.name))
            except OSError:
                continue
            if hashlib.sha256(data).hexdigest() == artifact.sha256:
                return data
        raise OrchestratorError("artifact_unreadable", name=artifact.name, detail="no copy with its checksum")

    async def last_bytes(self, run_id: str, name: str, limit: int) -> bytes | None:
        """The end of an artifact, at most ``limit`` bytes; None where it cannot be had now."""
        for look in (self._from_spool, self.depot.read):
            try:
                return await self._patiently(partial(look, run_id, name, limit))
            except OSError:
                continue
        return None

    async def existing(self, run_id: str, name: str) -> RunArtifact | None:
        """The artifact an earlier attempt left under this name, as far as spool and store can tell now."""
        path = self.waiting.path(run_id, name)
        try:
            sha256, size = await asyncio.to_thread(checksum_of, path)
        except OSError:
            pass
        else:
            return self.describe(run_id, name, ArtifactState.SPOOLED, sha256, size)
        try:
            found = await self._patiently(lambda: self.depot.find(run_id, name))
        except OSError:
            return None
        if found is None:
            return None
        return self.describe(run_id, name, ArtifactState.STORED, found.sha256, found.size_bytes)

    async def names(self, run_id: str) -> tuple[str, ...]:
        """Names of all evidence of a run, as far as spool and store can tell now."""
        found = {path.name for path in await asyncio.to_thread(self.waiting.files, run_id)}
        with suppress(OSError):
            found.update(await self._patiently(partial(self.depot.names, run_id)))
        return tuple(sorted(found))

    async def deliver(self, run_id: str) -> tuple[RunArtifact, ...]:
        """Bring spooled evidence of a run to the store; returns it in its new state."""
        delivered, end = [], asyncio.get_running_loop().time() + _WHOLE_RUN_SECONDS
        for path in await asyncio.to_thread(self.waiting.files, run_id):
            try:
                inode, (sha256, size) = path.stat().st_ino, await asyncio.to_thread(checksum_of, path)
            except OSError:  # it has just arrived after all, or cannot be read
                continue
            about = self.describe(run_id, path.name, ArtifactState.SPOOLED, sha256, size)
            if asyncio.get_running_loop().time() < end:
                about = await self.carry(about, path, inode)
            delivered.append(about)
        return tuple(delivered)

    async def manifest(self, run_id: str, artifacts: tuple[RunArtifact, ...]) -> RunArtifact:
        """Write ``manifest.json`` over the given artifacts; of two with one name the last counts.

        It goes to the store only when nothing else of the run waits for it: there it says "complete".
        """
        latest = {artifact.name: artifact for artifact in artifacts if artifact.name != MANIFEST_NAME}
        entries = tuple(manifest_entry(one, *made_by(one)) for _, one in sorted(latest.items()))
        document = Manifest(run_id=run_id, artifacts=entries)
        stored = await self.put(run_id, MANIFEST_NAME, document.model_dump_json(indent=2).encode() + b"\n")
        await asyncio.to_thread(self.waiting.tidy, run_id)
        return stored

    async def carry(self, about: RunArtifact, path: Path, inode: int | None) -> RunArtifact:
        """Bring a spooled file to the store within its patience; else it stays and is delivered later."""
        run_id = run_of(about)
        others = [one for one in self.waiting.files(run_id) if one.name != about.name]
        if about.name == MANIFEST_NAME and others:
            return self._as(about, ArtifactState.SPOOLED)
        evidence = self.evidence(run_id, about)
        try:
            brought = await self._patiently(lambda: carry(self.waiting, self.depot, evidence, path, inode))
        except OSError as error:
            brought = False
            _log.warning("%s stays in the spool: %s", about.name, error, extra={"run_id": run_id})
        return self._as(about, ArtifactState.STORED if brought else ArtifactState.SPOOLED)

    async def send(self, about: RunArtifact, fd: int) -> RunArtifact:
        """Bring what the spool did not take straight to the store; the descriptor is closed here."""

        def keep() -> None:
            with os.fdopen(fd, "rb") as source:
                source.seek(0)
                self.depot.keep(self.evidence(run_of(about), about), source)

        try:
            await self._patiently(keep)
        except OSError:
            return self._as(about, ArtifactState.MISSING)
        return self._as(about, ArtifactState.STORED)

    def describe(
        self, run_id: str, name: str, state: ArtifactState, sha256: str, size: int, kind: str | None = None
    ) -> RunArtifact:
        """The RunArtifact of evidence whose state is known."""
        at = self.now()
        waits = self.waiting.path(run_id, name) if state is ArtifactState.SPOOLED else None
        return RunArtifact(
            id=artifact_id(run_id, name), name=name, type=artifact_type(name),
            uri=self.depot.uri(run_id, name) if waits is None else waits.absolute().as_uri(),
            link=self.depot.link(run_id, name) if state is ArtifactState.STORED else "",
            sha256=sha256, size_bytes=size, content_type=kind or content_type(name),
            created_at=at, retain_until=at + self.retention, state=state,
        )  # fmt: skip

    @staticmethod
    def evidence(run_id: str, about: RunArtifact) -> Evidence:
        """What the store is told of an artifact."""
        return Evidence(
            run_id, about.name, about.sha256, about.size_bytes, about.content_type, about.retain_until
        )

    def _as(self, about: RunArtifact, state: ArtifactState) -> RunArtifact:
        run_id = run_of(about)
        said = self.describe(run_id, about.name, state, about.sha256, about.size_bytes, about.content_type)
        return said.model_copy(update={"created_at": about.created_at, "retain_until": about.retain_until})

    async def _send_bytes(self, about: RunArtifact, data: bytes) -> RunArtifact:
        evidence = self.evidence(run_of(about), about)
        try:
            await self._patiently(lambda: self.depot.keep(evidence, io.BytesIO(data)))
        except OSError:
            return self._as(about, ArtifactState.MISSING)
        return about

    def _from_spool(self, run_id: str, name: str, last_bytes: int | None = None) -> bytes:
        with self.waiting.path(run_id, name).open("rb") as file:
            if last_bytes is not None:
                file.seek(max(0, os.fstat(file.fileno()).st_size - last_bytes))
            return file.read()

    async def check(self) -> str:
        """Write, read and remove something small; says what the store is.

        Raises:
            OrchestratorError: ``store_...``, naming what is wrong.
        """
        try:
            return await self._patiently(self.depot.check)
        except OSError as error:
            raise problem_of(error, self.depot.place) from error

    async def _patiently(self, ask: Callable[[], Answer]) -> Answer:
        """Ask the store, but wait no longer than it may cost a step; the asking goes on by itself.

        Raises:
            OSError: the store cannot be used now.
        """
        if self.depot.patience is None:
            return await asyncio.to_thread(ask)
        asking = asyncio.wrap_future(in_background(ask))
        asking.add_done_callback(lambda done: done.cancelled() or done.exception())  # heard, if late
        try:
            return await asyncio.wait_for(asyncio.shield(asking), self.depot.patience)
        except TimeoutError as error:
            raise self.depot.too_slow() from error


def run_of(artifact: RunArtifact) -> str:
    """The run an artifact belongs to: the last directory of its address, in spool and store alike."""
    return artifact.uri.rsplit("/", 2)[-2]


__all__ = ["ArtifactStore", "ArtifactWriter", "artifact_name", "run_of"]
