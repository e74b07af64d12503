"""What may leave the spool, and in which order (I6).

A run's evidence is ready when its report has spooled the manifest, which goes last; or when nothing of it
was written for an hour: its run was lost, waits for an approval, or has nothing more to say. What somebody
still writes, or carries, is locked and left alone.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from activities.adapters.artifact_store import ArtifactStore
from activities.adapters.carrying import carry, in_background
from activities.adapters.depot import DepotError, checksum_of
from workflows.models.artifact import ArtifactState
from workflows.models.delivery import DeliverResult
from workflows.models.manifest import MANIFEST_NAME

PASS_SECONDS: Final = 120.0
"""How long one pass goes on to begin with another artifact."""
IDLE_SECONDS: Final = 3600.0


@dataclass(frozen=True)
class Delivering:
    """Empties one host's spool."""

    artifacts: ArtifactStore
    idle_seconds: float = IDLE_SECONDS
    pass_seconds: float = PASS_SECONDS

    def anything(self) -> bool:
        """Whether something is ready. Blocking file IO, no network."""
        return any(True for _ in self._ready())

    async def deliver(self) -> DeliverResult:
        """One pass over everything that is ready; it ends with the first refusal of the store."""
        return await asyncio.wrap_future(in_background(self._pass))

    def _pass(self) -> DeliverResult:
        delivered, problem, end = 0, "", time.monotonic() + self.pass_seconds
        for path in self._ready():
            if time.monotonic() > end:
                break
            if path.name == MANIFEST_NAME and self._others(path):
                continue
            try:
                delivered += self._carry(path)
            except DepotError as error:
                problem = str(error)
                break
            except OSError as error:  # this file; another one may do better
                problem = problem or f"{path.name} of {path.parent.name}: {error.strerror or error}"
        for run_id in self.artifacts.waiting.runs():
            self.artifacts.waiting.tidy(run_id)
        return DeliverResult(delivered=delivered, waiting=sum(1 for _ in self._ready()), problem=problem)

    def _carry(self, path: Path) -> bool:
        store, run_id = self.artifacts, path.parent.name
        about = store.describe(run_id, path.name, ArtifactState.STORED, *checksum_of(path))
        inode = path.stat().st_ino
        return carry(store.waiting, store.depot, store.evidence(run_id, about), path, inode, patient=True)

    def _ready(self) -> Iterator[Path]:
        spool = self.artifacts.waiting
        for run_id in spool.runs():
            files = spool.files(run_id)
            ended = any(path.name == MANIFEST_NAME for path in files)
            if ended or spool.idle_seconds(run_id) > self.idle_seconds:
                yield from (path for path in files if not spool.grows(path))

    def _others(self, manifest: Path) -> bool:
        return any(path != manifest for path in self.artifacts.waiting.files(manifest.parent.name))
