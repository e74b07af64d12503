"""What the record in a stored report cannot name: the report, the manifest, what was made beside them (I6).

The manifest names everything but itself, and what it says counts more than what is found there.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import ValidationError

from workflows.models.artifact import ArtifactState, RunArtifact, artifact_id, artifact_type
from workflows.models.manifest import MANIFEST_NAME, Manifest, ManifestEntry
from workflows.models.record import RunRecord

REPORT_NAME: Final = "report.json"


@dataclass(frozen=True)
class Beside:
    """A run's report and manifest, and where they were found.

    Attributes:
        report: its bytes.
        manifest: its bytes.
        prefix: address of the run's evidence, without a slash at its end.
        at: when the manifest was stored, which is last.
        state: whether that place is the store or the spool.
    """

    report: bytes
    manifest: bytes
    prefix: str
    at: datetime
    state: ArtifactState = ArtifactState.STORED


def completed(record: RunRecord, beside: Beside) -> RunRecord:
    """The record with every artifact that the manifest names, and the manifest."""
    known = {artifact.name for artifact in record.artifacts}
    own = (_own_entry(REPORT_NAME, beside.report), _own_entry(MANIFEST_NAME, beside.manifest))
    named = {entry.name: entry for entry in (*own, *_entries(beside.manifest))}
    in_order = sorted(named.values(), key=lambda entry: entry.name == MANIFEST_NAME)
    added = tuple(_artifact(record, entry, beside) for entry in in_order if entry.name not in known)
    return record.model_copy(update={"artifacts": (*record.artifacts, *added)})


def _entries(manifest: bytes) -> tuple[ManifestEntry, ...]:
    try:
        return Manifest.model_validate_json(manifest).artifacts
    except ValidationError:  # of another version, or altered: verify-bundle will say so
        return ()


def _own_entry(name: str, data: bytes) -> ManifestEntry:
    return ManifestEntry(
        name=name,
        sha256=hashlib.sha256(data).hexdigest(),
        size_bytes=len(data),
        content_type="application/json",
    )


def _artifact(record: RunRecord, entry: ManifestEntry, beside: Beside) -> RunArtifact:
    sample = record.artifacts[0] if record.artifacts else None
    kept = sample.retain_until - sample.created_at if sample is not None else timedelta()
    return RunArtifact(
        id=artifact_id(record.run_id, entry.name),
        name=entry.name,
        type=artifact_type(entry.name),
        uri=f"{beside.prefix}/{entry.name}",
        sha256=entry.sha256,
        size_bytes=entry.size_bytes,
        content_type=entry.content_type,
        created_at=beside.at,
        retain_until=beside.at + kept,
        state=ArtifactState.MISSING if entry.missing else beside.state,
    )
