"""Stored evidence (SPEC FR-011, invariant I6)."""

import hashlib
from datetime import datetime
from enum import StrEnum

from workflows.models.base import Model

ARTIFACT_NAMESPACE = "spec_workflows"
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def artifact_type(name: str) -> str:
    """The name without round and extension: ``build`` for ``build.2.log``."""
    return name.split(".", 1)[0]


def artifact_id(run_id: str, name: str) -> str:
    """``art_`` and 26 Crockford base32 characters; the same run and name always give the same id."""
    number = int.from_bytes(hashlib.sha256(f"{run_id}\0{name}".encode()).digest()[:16], "big")
    return "art_" + "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))


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
    link: str = ""
    """Where a browser can open it without a login, for as long as the store allows; '' where nowhere."""
    sha256: str
    size_bytes: int
    content_type: str
    created_at: datetime
    retain_until: datetime
    state: ArtifactState = ArtifactState.STORED
