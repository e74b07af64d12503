"""Stored evidence (SPEC FR-011, invariant I6)."""

from datetime import datetime
from enum import StrEnum

from workflows.models.base import Model

ARTIFACT_NAMESPACE = "spec_workflows"


class ArtifactState(StrEnum):
    """Whether the evidence reached its store."""

    STORED = "stored"
    SPOOLED = "spooled"
    MISSING = "missing"


class RunArtifact(Model):
    """One piece of evidence of one run, with the checksum that proves it."""

    id: str
    """``art_`` and 26 Crockford base32 characters, derived from run and name."""
    name: str
    """File name inside the run's key prefix, for instance ``build.2.log``."""
    type: str
    """The name without round and extension, for instance ``build``."""
    uri: str
    """``file:///...`` or ``s3://bucket/key``."""
    sha256: str
    size_bytes: int
    content_type: str
    created_at: datetime
    retain_until: datetime
    state: ArtifactState = ArtifactState.STORED
