"""The logs of one step: finished ones checked against their SHA-256, growing ones as far as they are.

While a step runs its log is read from the worker's spool where this is the worker's machine, else from
the object store, where the worker refreshes the growing object under the log's own key (SPEC FR-005).
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from starter.evidence import EvidenceFiles
from starter.files import CHUNK_BYTES, file_chunks
from starter.stored import RUN_ID
from workflows.errors import OrchestratorError
from workflows.models.artifact import RunArtifact
from workflows.models.record import RunRecord
from workflows.models.status import StepName, StepStatus


@dataclass(frozen=True)
class StepLog:
    """One log of a step.

    Attributes:
        name: for instance ``build.2.log``.
        artifact: the finished log's; None while it grows.
        size_bytes: how much of it there is now.
        path: the growing file on this machine; None: it is in the object store.
    """

    name: str
    artifact: RunArtifact | None
    size_bytes: int
    path: Path | None = None


@dataclass(frozen=True)
class LogReader:
    """Reads the logs of one run's steps; every method blocks."""

    files: EvidenceFiles

    def logs(self, record: RunRecord, step: StepName) -> tuple[StepLog, ...]:
        """The step's logs, finished ones first.

        Raises:
            OrchestratorError: ``store_unreachable``, ``store_credentials`` where nothing else is known.
        """
        named = {name for entry in record.steps if entry.name is step for name in entry.artifacts}
        finished = [a for a in record.artifacts if a.name in named and a.name.endswith(".log")]
        logs = [StepLog(a.name, a, a.size_bytes) for a in finished]
        known = {log.name for log in logs}
        try:
            growing = self._growing(record, step)
        except OrchestratorError:
            if not logs:
                raise
            growing = ()
        return (*logs, *(log for log in growing if log.name not in known))

    def read(self, log: StepLog, run_id: str, offset: int = 0) -> Iterator[bytes]:
        """The log's bytes from ``offset`` on.

        Raises:
            OrchestratorError: as ``EvidenceFiles.open`` for a finished log.
        """
        if log.artifact is not None:
            with self.files.open(log.artifact, run_id) as file:
                file.seek(offset)
                while chunk := file.read(CHUNK_BYTES):
                    yield chunk
            return
        # a growing log may be finished, moved or begun anew at any moment: the next look will find it
        with suppress(OSError):
            if log.path is not None:
                yield from file_chunks(log.path, offset)
            elif self.files.store is not None:
                yield from self.files.store.chunks(run_id, log.name, offset)

    def _growing(self, record: RunRecord, step: StepName) -> tuple[StepLog, ...]:
        """Logs that the step is writing right now, or that the record does not name yet."""
        run_id = record.run_id
        if not RUN_ID.fullmatch(run_id) or not _under_way(record, step):
            return ()
        names = re.compile(rf"{re.escape(step)}(\.\d+)?\.log")
        local = {log.name: log for log in _spooled(self.files.state_dir / "spool" / run_id, names)}
        if not local and self.files.store is not None:
            with suppress(FileNotFoundError):
                listed = self.files.store.listed(run_id)
                local = {
                    name: StepLog(name, None, found.size_bytes)
                    for name, found in listed.items()
                    if names.fullmatch(name)
                }
        return tuple(local[name] for name in sorted(local))


def over(record: RunRecord, step: StepName) -> bool:
    """Whether nothing more can come into the step's logs: no further round will do the step again."""
    if record.status.terminal:
        return True
    entries = [entry for entry in record.steps if entry.name is step]
    return bool(entries) and all(e.status in {StepStatus.SUCCEEDED, StepStatus.SKIPPED} for e in entries)


def _under_way(record: RunRecord, step: StepName) -> bool:
    """Whether the step has begun and its end may not be on record yet."""
    begun = {StepStatus.IN_PROGRESS, StepStatus.FAILED}
    return any(entry.name is step and entry.status in begun for entry in record.steps)


def _spooled(directory: Path, names: re.Pattern[str]) -> Iterator[StepLog]:
    try:
        found = [path for path in directory.iterdir() if names.fullmatch(path.name)]
    except OSError:
        return
    for path in found:
        with suppress(OSError):
            yield StepLog(path.name, None, path.stat().st_size, path)
