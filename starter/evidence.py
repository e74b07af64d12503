"""Reads a run's evidence from this machine's files, checked against its SHA-256 (SPEC FR-011, I6)."""

import asyncio
import hashlib
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from starter.stored import RUN_ID
from workflows.errors import OrchestratorError
from workflows.models.artifact import ARTIFACT_NAMESPACE, ArtifactState, RunArtifact
from workflows.models.plan import ActionPlan
from workflows.models.record import RunRecord

_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True)
class EvidenceFiles:
    """The evidence that lies on this machine.

    Attributes:
        state_dir: the state directory; evidence may move from its spool to its store at any time.
    """

    state_dir: Path

    async def read(self, artifact: RunArtifact, run_id: str) -> bytes:
        """The artifact's bytes.

        Raises:
            OrchestratorError: ``artifact_elsewhere`` (not a local file), ``artifact_unreadable``,
                ``artifact_corrupt`` (the bytes are not those that were recorded).
        """
        return await asyncio.to_thread(self._read, artifact, run_id)

    async def download(self, artifact: RunArtifact, run_id: str, directory: Path) -> Path:
        """Copy an artifact into ``directory``; a file that has its bytes already is left alone.

        Raises:
            OrchestratorError: as ``read``; ``file_exists`` where another file has its name;
                ``write_failed``.
        """
        return await asyncio.to_thread(self._download, artifact, run_id, directory)

    def growing(self, run_id: str, step: str) -> tuple[Path, ...]:
        """Logs that a step of a run is writing right now (SPEC FR-005)."""
        if not RUN_ID.fullmatch(run_id):
            return ()
        directory = self.state_dir / "spool" / run_id
        names = re.compile(rf"{re.escape(step)}(\.\d+)?\.log")
        try:
            return tuple(sorted(path for path in directory.iterdir() if names.fullmatch(path.name)))
        except OSError:
            return ()

    def _read(self, artifact: RunArtifact, run_id: str) -> bytes:
        if artifact.state is ArtifactState.MISSING:
            raise OrchestratorError(
                "artifact_unreadable", name=artifact.name, detail="it could not be stored"
            )
        address = urlsplit(artifact.uri)
        if address.scheme != "file":
            raise OrchestratorError("artifact_elsewhere", name=artifact.name, uri=artifact.uri)
        detail, corrupt = "", False
        for path in (Path(unquote(address.path)), *self._other_places(artifact, run_id)):
            try:
                data = path.read_bytes()
            except (OSError, ValueError) as error:
                detail = detail or str(error)
                continue
            if hashlib.sha256(data).hexdigest() == artifact.sha256:
                return data
            corrupt = True
        if corrupt:
            raise OrchestratorError("artifact_corrupt", name=artifact.name)
        raise _unreadable(artifact, detail)

    def _other_places(self, artifact: RunArtifact, run_id: str) -> tuple[Path, ...]:
        if not RUN_ID.fullmatch(run_id) or not _PLAIN_NAME.fullmatch(artifact.name):
            return ()
        return (
            self.state_dir / "artifacts" / ARTIFACT_NAMESPACE / run_id / artifact.name,
            self.state_dir / "spool" / run_id / artifact.name,
        )

    def _download(self, artifact: RunArtifact, run_id: str, directory: Path) -> Path:
        if not _PLAIN_NAME.fullmatch(artifact.name):
            raise OrchestratorError(
                "artifact_unreadable", name=artifact.name, detail="its name is no file name"
            )
        data = self._read(artifact, run_id)
        target = directory / artifact.name
        try:
            directory.mkdir(parents=True, exist_ok=True)
            _write_new(target, data)
        except FileExistsError:
            if not _holds(target, artifact.sha256):
                raise OrchestratorError("file_exists", path=target) from None
        except OSError as error:
            raise OrchestratorError("write_failed", detail=str(error)) from None
        if not _holds(target, artifact.sha256):
            raise OrchestratorError("artifact_corrupt", name=str(target))
        return target


def complete_diff(plan: ActionPlan) -> str | None:
    """The plan's own diff, where the history carries it whole; None where it was cut."""
    artifact = plan.diff_artifact
    if artifact is None or len(plan.diff.encode()) == artifact.size_bytes:
        return plan.diff
    return None


async def whole_diff(record: RunRecord, files: EvidenceFiles) -> bytes:
    """The whole masked diff of the record's plan: its artifact, else what the history carries.

    Raises:
        OrchestratorError: ``no_plan_yet``; as ``EvidenceFiles.read`` where the diff was cut.
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


def _write_new(target: Path, data: bytes) -> None:
    """Create ``target`` with all of ``data`` or not at all; never replaces a file.

    Raises:
        FileExistsError: something has that name.
    """
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.link(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _holds(path: Path, sha256: str) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    except OSError:
        return False
