"""Run reports as state directory and object store keep them: what remains when Temporal does not answer."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from starter.beside import REPORT_NAME, Beside, completed
from workflows.errors import OrchestratorError
from workflows.models.artifact import ARTIFACT_NAMESPACE, ArtifactState
from workflows.models.manifest import MANIFEST_NAME
from workflows.models.record import RunRecord, RunReport

if TYPE_CHECKING:
    from starter.object_store import ObjectStore

RUN_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
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
        return _completed_from(record, report, store)

    def newest(self, limit: int) -> tuple[RunRecord, ...]:
        """The stored records, newest first."""
        records = sorted(self._all(), key=lambda record: record.created_at, reverse=True)
        return tuple(records[:limit])

    def directory(self, run_id: str) -> Path | None:
        """Where this machine keeps a run's artifacts; None for what is no run id."""
        return self._root / run_id if RUN_ID.fullmatch(run_id) else None

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


def _completed_from(record: RunRecord, report: bytes, store: "ObjectStore") -> RunRecord:
    try:
        manifest = _bounded(store.chunks(record.run_id, MANIFEST_NAME))
    except (FileNotFoundError, ValueError):  # the bundle is not whole yet, or is none
        return record
    found = store.listed(record.run_id).get(MANIFEST_NAME)
    at = found.modified if found is not None and found.modified is not None else record.created_at
    prefix = f"s3://{store.bucket}/{ARTIFACT_NAMESPACE}/{record.run_id}"
    return completed(record, Beside(report, manifest, prefix, at))


def _read(path: Path) -> RunRecord | None:
    try:
        record = RunReport.model_validate(json.loads(path.read_bytes())).record
        return _completed_at(record, path)
    except (OSError, ValueError, ValidationError):
        return None  # no report, or one that another version wrote: as good as none


def _completed_at(record: RunRecord, report: Path) -> RunRecord:
    manifest = report.with_name(MANIFEST_NAME)
    if not manifest.is_file():
        return record
    at = datetime.fromtimestamp(manifest.stat().st_mtime, UTC)
    stored = report.parent.parent.name == ARTIFACT_NAMESPACE
    state = ArtifactState.STORED if stored else ArtifactState.SPOOLED
    prefix = report.parent.absolute().as_uri()
    return completed(record, Beside(report.read_bytes(), manifest.read_bytes(), prefix, at, state))
