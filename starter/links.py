"""Addresses under which evidence opens: presigned ones of the object store, or files of this machine."""

from datetime import datetime, timedelta
from typing import Final

from starter.evidence import PLAIN_NAME, EvidenceFiles
from starter.stored import RUN_ID
from workflows.errors import OrchestratorError
from workflows.models.artifact import ArtifactState, RunArtifact
from workflows.models.base import Model

LONGEST_LINK: Final = timedelta(days=7)
"""What the signature of S3 permits at most."""


class ArtifactLink(Model):
    """Where one artifact opens."""

    name: str
    state: ArtifactState
    address: str = ""
    """A URL that needs no login, or a file on this machine; '' where there is neither."""
    valid_until: datetime | None = None
    """When a URL stops to work; None for a file."""
    why: str = ""
    """Why there is no address."""


def link_to(
    artifact: RunArtifact, run_id: str, files: EvidenceFiles, lasting: timedelta, now: datetime
) -> ArtifactLink:
    """The artifact's address; a link is signed here, so that it says nothing about whether it is there."""
    link = ArtifactLink(name=artifact.name, state=artifact.state)
    in_store = artifact.uri.startswith("s3:") and files.store is not None
    path = None if in_store else files.local_path(artifact, run_id)
    if path is not None:
        return link.model_copy(update={"address": str(path)})
    if artifact.state is not ArtifactState.STORED:
        return link.model_copy(update={"why": f"{artifact.state}: {artifact.uri}"})
    if files.store is None or not RUN_ID.fullmatch(run_id) or not PLAIN_NAME.fullmatch(artifact.name):
        error = OrchestratorError("artifact_elsewhere", name=artifact.name, uri=artifact.uri)
        return link.model_copy(update={"why": error.message})
    address = files.store.link(run_id, artifact.name, lasting)
    return link.model_copy(update={"address": address, "valid_until": now + lasting})
