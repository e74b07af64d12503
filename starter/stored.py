"""Run reports as the state directory keeps them: what remains when Temporal does not answer."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from workflows.models.artifact import ARTIFACT_NAMESPACE
from workflows.models.record import RunRecord, RunReport

RUN_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_REPORT: Final = "report.json"


@dataclass(frozen=True)
class StoredReports:
    """Reads ``<state>/artifacts/spec_workflows/<run_id>/report.json``; never writes.

    Attributes:
        state_dir: the state directory of this machine; it need not exist.
    """

    state_dir: Path

    @property
    def _root(self) -> Path:
        return self.state_dir / "artifacts" / ARTIFACT_NAMESPACE

    def find(self, run: str) -> RunRecord | None:
        """The stored record of a run id or workflow id; None where there is none that can be read."""
        if RUN_ID.fullmatch(run):  # nothing else may become part of a path
            record = _read(self._root / run / _REPORT)
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
        try:
            reports = sorted(self._root.glob(f"*/{_REPORT}"))
        except OSError:
            return
        for path in reports:
            record = _read(path)
            if record is not None:
                yield record


def _read(path: Path) -> RunRecord | None:
    try:
        return RunReport.model_validate(json.loads(path.read_bytes())).record
    except (OSError, ValueError, ValidationError):
        return None  # no report, or one that another version wrote: as good as none
