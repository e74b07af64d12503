"""Every report of a period, wherever it is kept: read one after the other, kept only as facts.

A run id is a UUID; one of version 7 begins with the time it was made, so that of ten thousand stored
reports only those of the period are opened.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import UUID

from starter.beside import REPORT_NAME
from starter.files import file_chunks
from starter.statistics.facts import RunFacts, facts_of
from starter.stored import LARGEST_REPORT, RUN_ID
from workflows.models.artifact import ARTIFACT_NAMESPACE, artifact_type
from workflows.models.base import Model
from workflows.models.record import RunRecord

if TYPE_CHECKING:
    from starter.object_store import ObjectStore

_READERS: Final = 8
"""Reports of the object store are fetched by so many threads."""
_WAITING: Final = 64
"""So many are fetched ahead; memory does not grow with the number of runs."""
_ASKED_FOR: Final = frozenset({"patch", "build", "verify", "rollback", "report"})
_SLACK: Final = timedelta(days=1)
"""Clocks of the server and of whoever made the id may differ."""


class _Record(Model):
    """A report without its events, which no number is made of."""

    record: RunRecord


@dataclass(frozen=True)
class ReportSource:
    """Reports of runs that were started in ``[since, until)``.

    Attributes:
        state_dir: this machine's state directory.
        store: the object store; None where none is configured.
    """

    state_dir: Path
    since: datetime
    until: datetime
    store: "ObjectStore | None" = None
    taken: dict[str, dict[str, datetime]] = field(default_factory=dict)
    """Run id -> artifact -> when the object store took it; of the artifacts that a number is made of."""

    def facts(self) -> Iterator[RunFacts]:
        """The facts of every run of the period that has ended and left a report; it blocks.

        Raises:
            OrchestratorError: ``store_unreachable``, ``store_credentials``.
        """
        self._list_the_store()
        seen: set[str] = set()
        for run_id, path in self._local():
            if run_id not in seen:
                record = self._record(run_id, lambda path=path: file_chunks(path))  # type: ignore[misc]
                if record is not None:
                    seen.add(run_id)
                    yield facts_of(record, self.taken.get(run_id))
        yield from self._fetched([run_id for run_id in self.taken if run_id not in seen])

    def _local(self) -> Iterator[tuple[str, Path]]:
        for root in (self.state_dir / "artifacts" / ARTIFACT_NAMESPACE, self.state_dir / "spool"):
            with suppress(OSError):
                for directory in sorted(root.iterdir()):
                    if RUN_ID.fullmatch(directory.name) and self._may_hold(directory.name):
                        yield directory.name, directory / REPORT_NAME

    def _list_the_store(self) -> None:
        if self.store is None:
            return
        for run_id, found in self.store.everything():
            if found.modified is None or artifact_type(found.name) not in _ASKED_FOR:
                continue
            if RUN_ID.fullmatch(run_id) and self._may_hold(run_id):
                self.taken.setdefault(run_id, {})[found.name] = found.modified

    def _fetched(self, run_ids: list[str]) -> Iterator[RunFacts]:
        store = self.store
        if store is None:
            return

        def fetch(run_id: str) -> RunFacts | None:
            record = self._record(run_id, lambda: store.chunks(run_id, REPORT_NAME))
            return facts_of(record, self.taken.get(run_id)) if record is not None else None

        wanted = [run_id for run_id in run_ids if REPORT_NAME in self.taken[run_id]]
        with ThreadPoolExecutor(_READERS, thread_name_prefix="reports") as readers:
            for begin in range(0, len(wanted), _WAITING):
                for facts in readers.map(fetch, wanted[begin : begin + _WAITING]):
                    if facts is not None:
                        yield facts

    def _record(self, run_id: str, chunks: Callable[[], Iterator[bytes]]) -> RunRecord | None:
        """The record of an ended run of the period; None for anything else, also what cannot be read."""
        data = bytearray()
        try:
            for chunk in chunks():
                data += chunk
                if len(data) > LARGEST_REPORT:
                    return None
            record = _Record.model_validate_json(bytes(data)).record
        except (OSError, ValueError):
            return None
        mine = record.run_id == run_id and self.since <= record.created_at < self.until
        return record if mine and record.status.terminal else None

    def _may_hold(self, run_id: str) -> bool:
        made = UUID(run_id)
        if made.version != 7:
            return True
        at = datetime.fromtimestamp((made.int >> 80) / 1000, UTC)
        return self.since - _SLACK <= at < self.until + _SLACK
