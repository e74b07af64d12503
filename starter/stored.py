"""Run reports as the state directory keeps them: what remains when Temporal does not answer."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from workflows.models.artifact import (
    ARTIFACT_NAMESPACE,
    ArtifactState,
    RunArtifact,
    artifact_id,
    artifact_type,
)
from workflows.models.record import RunRecord, RunReport

RUN_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_REPORT: Final = "report.json"
_PAGE: Final = "report.html"
_MANIFEST: Final = "manifest.json"
_CONTENT_TYPES: Final = {_PAGE: "text/html; charset=utf-8"}


@dataclass(frozen=True)
class StoredReports:
    """Reads ``report.json`` of each run in the store, else in the spool (I6); never writes.

    Attributes:
        state_dir: the state directory of this machine; it need not exist.
    """

    state_dir: Path

    @property
    def _root(self) -> Path:
        return self.state_dir / "artifacts" / ARTIFACT_NAMESPACE

    @property
    def _spool(self) -> Path:
        """Where evidence waits while the store does not take it."""
        return self.state_dir / "spool"

    def find(self, run: str) -> RunRecord | None:
        """The stored record of a run id or workflow id; None where there is none that can be read."""
        if RUN_ID.fullmatch(run):  # nothing else may become part of a path
            for place in (self._root, self._spool):
                record = _read(place / run / _REPORT)
                if record is not None:
                    return record
        wanted = {run, f"mm:{run}"}
        return next((record for record in self._all() if record.workflow_id in wanted), None)

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
        return sorted(place.glob(f"*/{_REPORT}"))
    except OSError:
        return []


def _read(path: Path) -> RunRecord | None:
    try:
        record = RunReport.model_validate(json.loads(path.read_bytes())).record
        own = _own_artifacts(path, record)
    except (OSError, ValueError, ValidationError):
        return None  # no report, or one that another version wrote: as good as none
    return record.model_copy(update={"artifacts": (*record.artifacts, *own)})


def _own_artifacts(report: Path, record: RunRecord) -> tuple[RunArtifact, ...]:
    """The report, its page and its manifest: the record inside the report cannot name these (I6)."""
    manifest = report.with_name(_MANIFEST)
    if not record.artifacts or not manifest.is_file():
        return ()
    known = {artifact.name for artifact in record.artifacts}
    spooled = report.parent.parent.name != ARTIFACT_NAMESPACE
    kept = record.artifacts[0].retain_until - record.artifacts[0].created_at
    own = []
    for path in (report, report.with_name(_PAGE), manifest):
        if path.name in known or not path.is_file():
            continue
        data = path.read_bytes()
        at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        own.append(
            RunArtifact(
                id=artifact_id(record.run_id, path.name),
                name=path.name,
                type=artifact_type(path.name),
                uri=path.absolute().as_uri(),
                sha256=hashlib.sha256(data).hexdigest(),
                size_bytes=len(data),
                content_type=_CONTENT_TYPES.get(path.name, "application/json"),
                created_at=at,
                retain_until=at + kept,
                state=ArtifactState.SPOOLED if spooled else ArtifactState.STORED,
            )
        )
    return tuple(own)
