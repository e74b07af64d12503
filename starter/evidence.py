"""Finds a run's evidence wherever it is by now, and checks it against its SHA-256 (SPEC FR-011, I6).

An artifact is looked for where the record says, then in this machine's store and spool (spooled evidence
may have been delivered since), then in the object store under its key. Bytes count only when their
checksum is the recorded one; nothing is held in memory as a whole but by ``read``.
"""

import asyncio
import hashlib
import re
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from starter.files import file_chunks
from starter.stored import RUN_ID
from workflows.errors import OrchestratorError
from workflows.models.artifact import ARTIFACT_NAMESPACE, ArtifactState, RunArtifact
from workflows.models.plan import ActionPlan
from workflows.models.record import RunRecord

if TYPE_CHECKING:  # its library costs a fifth of a second, which --help should not pay
    from starter.object_store import ObjectStore

PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
"""What may become part of a path."""


@dataclass(frozen=True)
class EvidenceFiles:
    """The evidence that can be had from this machine.

    Attributes:
        state_dir: the state directory; evidence may move from its spool to its store at any time.
        store: the object store; None where none is configured.
    """

    state_dir: Path
    store: "ObjectStore | None" = None

    async def read(self, artifact: RunArtifact, run_id: str) -> bytes:
        """The artifact's bytes, for what is small enough to be held whole; raises as ``open``."""

        def whole() -> bytes:
            with self.open(artifact, run_id) as file:
                return file.read()

        return await asyncio.to_thread(whole)

    def open(self, artifact: RunArtifact, run_id: str) -> IO[bytes]:
        """The artifact as a file that was checked and stands at its beginning.

        Raises:
            OrchestratorError: ``artifact_elsewhere`` (in a store that is not configured here),
                ``artifact_unreadable``, ``artifact_corrupt`` (the bytes are not those that were recorded),
                ``store_unreachable``, ``store_credentials``, ``write_failed`` (no room for a temporary copy).
        """
        copy = tempfile.TemporaryFile()  # noqa: SIM115 - handed to the caller, or closed below
        try:
            self.copy(artifact, run_id, copy)
            copy.seek(0)
        except BaseException:
            copy.close()
            raise
        return copy

    def copy(self, artifact: RunArtifact, run_id: str, target: IO[bytes]) -> None:
        """Write the artifact into an empty file, checked while it is written; raises as ``open``."""
        if artifact.state is ArtifactState.MISSING:
            raise _unreadable(artifact, "it could not be stored")
        problems: list[OrchestratorError] = []
        for source in self._sources(artifact, run_id):
            try:
                if _copied(source, artifact, target):
                    return
                problems.insert(0, OrchestratorError("artifact_corrupt", name=artifact.name))
            except OrchestratorError as error:
                problems.append(error)
            except (OSError, ValueError) as error:
                problems.append(_unreadable(artifact, str(error)))
        raise self._nowhere(artifact, problems)

    def states(self, artifacts: tuple[RunArtifact, ...], run_id: str) -> tuple[RunArtifact, ...]:
        """The artifacts as they are by now: what was spooled may have been delivered since the end."""
        if all(artifact.state is not ArtifactState.SPOOLED for artifact in artifacts):
            return artifacts
        names: set[str] = set()
        if self.store is not None and RUN_ID.fullmatch(run_id):
            with suppress(OrchestratorError, FileNotFoundError):  # then the record is all that is known
                names = set(self.store.listed(run_id))
        return tuple(self._now(artifact, run_id, names) for artifact in artifacts)

    def _now(self, artifact: RunArtifact, run_id: str, names: set[str]) -> RunArtifact:
        if artifact.state is not ArtifactState.SPOOLED:
            return artifact
        if self.store is not None and artifact.name in names:
            uri = f"s3://{self.store.bucket}/{ARTIFACT_NAMESPACE}/{run_id}/{artifact.name}"
            return artifact.model_copy(update={"state": ArtifactState.STORED, "uri": uri})
        stored = next(iter(self._other_places(artifact, run_id)), None)
        if stored is not None and stored.is_file():
            return artifact.model_copy(update={"state": ArtifactState.STORED, "uri": stored.as_uri()})
        return artifact

    def local_path(self, artifact: RunArtifact, run_id: str) -> Path | None:
        """The file on this machine that is the artifact, or was written for it; None where there is none."""
        address = urlsplit(artifact.uri)
        said = (Path(unquote(address.path)),) if address.scheme == "file" else ()
        places = (*said, *self._other_places(artifact, run_id))
        with suppress(OSError, ValueError):
            return next((path for path in places if path.is_file()), None)
        return None

    def _sources(self, artifact: RunArtifact, run_id: str) -> Iterator[Iterator[bytes]]:
        address = urlsplit(artifact.uri)
        if address.scheme == "file":
            yield file_chunks(Path(unquote(address.path)))
        for path in self._other_places(artifact, run_id):
            yield file_chunks(path)
        if self.store is not None and RUN_ID.fullmatch(run_id) and PLAIN_NAME.fullmatch(artifact.name):
            yield self.store.chunks(run_id, artifact.name)

    def _other_places(self, artifact: RunArtifact, run_id: str) -> tuple[Path, ...]:
        if not RUN_ID.fullmatch(run_id) or not PLAIN_NAME.fullmatch(artifact.name):
            return ()
        return (
            self.state_dir / "artifacts" / ARTIFACT_NAMESPACE / run_id / artifact.name,
            self.state_dir / "spool" / run_id / artifact.name,
        )

    def _nowhere(self, artifact: RunArtifact, problems: list[OrchestratorError]) -> OrchestratorError:
        """Of all that went wrong, what helps most: changed bytes, then what the store says."""
        for code in (
            "artifact_corrupt",
            "write_failed",
            "store_credentials",
            "store_bucket",
            "store_refused",
            "store_unreachable",
        ):
            for problem in problems:
                if problem.code == code:
                    return problem
        if urlsplit(artifact.uri).scheme == "s3":
            if self.store is None:
                return OrchestratorError("artifact_elsewhere", name=artifact.name, uri=artifact.uri)
            return problems[-1] if problems else _unreadable(artifact, artifact.uri)
        return problems[0] if problems else _unreadable(artifact, artifact.uri)


def _copied(source: Iterator[bytes], artifact: RunArtifact, target: IO[bytes]) -> bool:
    """Whether the bytes are the recorded ones; reading ends as soon as there are too many."""
    target.seek(0)
    target.truncate()
    digest, size = hashlib.sha256(), 0
    for chunk in source:
        size += len(chunk)
        if size > artifact.size_bytes:
            return False
        digest.update(chunk)
        _write(target, chunk)
    return size == artifact.size_bytes and digest.hexdigest() == artifact.sha256


def _write(target: IO[bytes], chunk: bytes) -> None:
    try:
        target.write(chunk)
    except OSError as error:  # our copy, not the artifact
        raise OrchestratorError("write_failed", detail=str(error)) from None


def complete_diff(plan: ActionPlan) -> str | None:
    """The plan's own diff, where the history carries it whole; None where it was cut."""
    artifact = plan.diff_artifact
    if artifact is None or len(plan.diff.encode()) == artifact.size_bytes:
        return plan.diff
    return None


async def whole_diff(record: RunRecord, files: EvidenceFiles) -> bytes:
    """The whole masked diff of the record's plan: its artifact, else what the history carries.

    Raises:
        OrchestratorError: ``no_plan_yet``; as ``EvidenceFiles.open`` where the diff was cut.
    """
    if record.plan is None:
        raise OrchestratorError("no_plan_yet")
    try:
        if record.plan.diff_artifact is not None:
            return await files.read(record.plan.diff_artifact, record.run_id)
    except OrchestratorError:
        if complete_diff(record.plan) is None:
            raise
    return record.plan.diff.encode()


def _unreadable(artifact: RunArtifact, detail: str) -> OrchestratorError:
    return OrchestratorError("artifact_unreadable", name=artifact.name, detail=detail)
