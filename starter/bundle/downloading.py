"""Copies a run's evidence into a folder: checked while it is written, and resumable (SPEC FR-011, SC-003).

A file appears under its name only when its bytes are the recorded ones; what is there already is left
alone. The manifest comes last, so that a folder with a manifest was downloaded to its end.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from starter.evidence import PLAIN_NAME, EvidenceFiles
from starter.files import file_chunks
from workflows.errors import OrchestratorError
from workflows.models.artifact import RunArtifact
from workflows.models.manifest import MANIFEST_NAME


@dataclass(frozen=True)
class Downloaded:
    """What became of one artifact.

    Attributes:
        path: the file that holds it now; None where it could not be had.
        error: why not.
    """

    artifact: RunArtifact
    path: Path | None = None
    error: OrchestratorError | None = None


def in_download_order(artifacts: Sequence[RunArtifact]) -> tuple[RunArtifact, ...]:
    """Every artifact once, the manifest last."""
    latest = {artifact.name: artifact for artifact in artifacts}
    return tuple(
        sorted(latest.values(), key=lambda artifact: (artifact.name == MANIFEST_NAME, artifact.name))
    )


def download(artifact: RunArtifact, run_id: str, files: EvidenceFiles, directory: Path) -> Downloaded:
    """Put one artifact into ``directory``; never replaces a file. Says what went wrong, raises nothing."""
    try:
        return Downloaded(artifact, path=_download(artifact, run_id, files, directory))
    except OrchestratorError as error:
        return Downloaded(artifact, error=error)
    except OSError as error:
        return Downloaded(artifact, error=OrchestratorError("write_failed", detail=str(error)))


def _download(artifact: RunArtifact, run_id: str, files: EvidenceFiles, directory: Path) -> Path:
    if not PLAIN_NAME.fullmatch(artifact.name):
        raise OrchestratorError("artifact_unreadable", name=artifact.name, detail="its name is no file name")
    directory.mkdir(parents=True, exist_ok=True)
    target = directory / artifact.name
    if os.path.lexists(target):
        return _already_there(target, artifact)
    partial = directory / f".{artifact.name}.part"
    with _alone(partial) as file:
        files.copy(artifact, run_id, file)
        file.flush()
        os.fsync(file.fileno())
        try:
            os.link(partial, target)  # unlike a rename it never replaces what somebody else put there
        except FileExistsError:
            return _already_there(target, artifact)
    return target


def _already_there(target: Path, artifact: RunArtifact) -> Path:
    if not _holds(target, artifact.sha256):
        raise OrchestratorError("file_exists", path=target)
    return target


@contextmanager
def _alone(partial: Path) -> Iterator[IO[bytes]]:
    """An unfinished file of this download alone; it is gone afterwards, and after a kill written anew."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(partial, flags, 0o600), "r+b") as file:  # noqa: PTH123 - a descriptor
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            detail = f"another download is writing {partial}"
            raise OrchestratorError("write_failed", detail=detail) from None
        try:
            yield file
        finally:
            partial.unlink(missing_ok=True)


def _holds(path: Path, sha256: str) -> bool:
    digest = hashlib.sha256()
    try:
        for chunk in file_chunks(path):
            digest.update(chunk)
    except OSError:
        return False
    return digest.hexdigest() == sha256
