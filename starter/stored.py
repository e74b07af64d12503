"""Run reports as state directory and object store keep them: what remains when Temporal does not answer."""

import hashlib
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from workflows.errors import OrchestratorError
from workflows.models.artifact import (
    ARTIFACT_NAMESPACE,
    ArtifactState,
    RunArtifact,
    artifact_id,
    artifact_type,
)
from workflows.models.manifest import MANIFEST_NAME
from workflows.models.record import RunRecord, RunReport

if TYPE_CHECKING:
    from starter.object_store import ObjectStore

RUN_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
REPORT_NAME: Final = "report.json"
_SILENT_SECONDS: Final = 15.0
"""So long a store that refused is not asked again."""
LARGEST_REPORT: Final = 16 * 1024 * 1024
"""Bytes; a record fits into one message of Temporal's (2 MiB), the events beside it are short."""


@dataclass(frozen=True)
class StoredReports:
    """Reads ``report.json`` of each run in the store, else in the spool (I6); never writes.

    Attributes:
        state_dir: the state directory of this machine; it need not exist.
        store: the object store, asked only by ``fetch``; None where none is configured.
    """

    state_dir: Path
    store: "ObjectStore | None" = None
    _silence: list[tuple[float, OrchestratorError]] = field(default_factory=list, repr=False)
    """Since when, and how, the object store refuses: a list of runs must not wait for it once per run."""

    @property
    def _root(self) -> Path:
        return self.state_dir / "artifacts" / ARTIFACT_NAMESPACE

    @property
    def _spool(self) -> Path:
        """Where evidence waits while the store does not take it."""
        return self.state_dir / "spool"

    def find(self, run: str) -> RunRecord | None:
        """The record this machine keeps of a run id or workflow id; None where none can be read."""
        if RUN_ID.fullmatch(run):  # nothing else may become part of a path
            for place in (self._root, self._spool):
                record = _read(place / run / REPORT_NAME)
                if record is not None:
                    return record
        wanted = {run, f"mm:{run}"}
        return next((record for record in self._all() if record.workflow_id in wanted), None)

    def fetch(self, run: str) -> RunRecord | None:
        """The record of a run as this machine or, of a run id, the object store keeps it; it blocks.

        Raises:
            OrchestratorError: ``store_unreachable``, ``store_credentials``.
        """
        found = self.find(run)
        if found is not None or self.store is None or not RUN_ID.fullmatch(run):
            return found
        if self._silence and time.monotonic() - self._silence[-1][0] < _SILENT_SECONDS:
            raise self._silence[-1][1]
        try:
            return self._fetch(run, self.store)
        except OrchestratorError as error:
            self._silence[:] = [(time.monotonic(), error)]
            raise

    def _fetch(self, run: str, store: "ObjectStore") -> RunRecord | None:
        try:
            report = _bounded(store.chunks(run, REPORT_NAME))
            record = RunReport.model_validate_json(report).record
        except (FileNotFoundError, ValueError):
            return None
        if record.run_id != run:  # not the report of this run, whatever its key says
            return None
        return self._with_own(record, store, report)

    def newest(self, limit: int) -> tuple[RunRecord, ...]:
        """The stored records, newest first."""
        records = sorted(self._all(), key=lambda record: record.created_at, reverse=True)
        return tuple(records[:limit])

    def directory(self, run_id: str) -> Path | None:
        """Where this machine keeps a run's artifacts; None for what is no run id."""
        return self._root / run_id if RUN_ID.fullmatch(run_id) else None

    def _with_own(self, record: RunRecord, store: "ObjectStore", report: bytes) -> RunRecord:
        """Report and manifest as artifacts: the record inside the report cannot name these two (I6)."""
        try:
            own = {REPORT_NAME: report, MANIFEST_NAME: _bounded(store.chunks(record.run_id, MANIFEST_NAME))}
        except FileNotFoundError:  # the bundle is not whole yet
            own = {REPORT_NAME: report}
        listed = store.listed(record.run_id)
        prefix = f"s3://{store.bucket}/{ARTIFACT_NAMESPACE}/{record.run_id}"
        made = [
            _own(record, name, data, f"{prefix}/{name}", listed[name].modified or record.created_at)
            for name, data in own.items()
            if name in listed
        ]
        return _with(record, made)

    def _all(self) -> Iterator[RunRecord]:
        seen: set[str] = set()
        for path in (*_reports(self._root), *_reports(self._spool)):
            record = _read(path)
            if record is not None and record.run_id not in seen:
                seen.add(record.run_id)
                yield record


def _reports(place: Path) -> list[Path]:
    try:
        return sorted(place.glob(f"*/{REPORT_NAME}"))
    except OSError:
        return []


def _bounded(chunks: Iterator[bytes]) -> bytes:
    """All of it, unless it is larger than any report. Raises ValueError then."""
    data = bytearray()
    for chunk in chunks:
        data += chunk
        if len(data) > LARGEST_REPORT:
            raise ValueError("too large for a report")
    return bytes(data)


def _read(path: Path) -> RunRecord | None:
    try:
        record = RunReport.model_validate(json.loads(path.read_bytes())).record
        return _with(record, _own_artifacts(path, record))
    except (OSError, ValueError, ValidationError):
        return None  # no report, or one that another version wrote: as good as none


def _own_artifacts(report: Path, record: RunRecord) -> list[RunArtifact]:
    """The report and its manifest: the record inside the report cannot name these two (I6)."""
    manifest = report.with_name(MANIFEST_NAME)
    if not manifest.is_file():
        return []
    state = ArtifactState.STORED if report.parent.parent.name == ARTIFACT_NAMESPACE else ArtifactState.SPOOLED
    return [
        _own(
            record,
            path.name,
            path.read_bytes(),
            path.absolute().as_uri(),
            datetime.fromtimestamp(path.stat().st_mtime, UTC),
        ).model_copy(update={"state": state})
        for path in (report, manifest)
    ]


def _own(record: RunRecord, name: str, data: bytes, uri: str, at: datetime) -> RunArtifact:
    sample = record.artifacts[0] if record.artifacts else None
    kept = sample.retain_until - sample.created_at if sample is not None else timedelta()
    return RunArtifact(
        id=artifact_id(record.run_id, name),
        name=name,
        type=artifact_type(name),
        uri=uri,
        sha256=hashlib.sha256(data).hexdigest(),
        size_bytes=len(data),
        content_type="application/json",
        created_at=at,
        retain_until=at + kept,
    )


def _with(record: RunRecord, own: list[RunArtifact]) -> RunRecord:
    known = {artifact.name for artifact in record.artifacts}
    if not record.artifacts:  # nothing was stored in the time of that version
        return record
    added = tuple(artifact for artifact in own if artifact.name not in known)
    return record.model_copy(update={"artifacts": (*record.artifacts, *added)})
