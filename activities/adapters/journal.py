"""The journal: what a run needs to put everything back, on disk before the first change (I4, I8).

One directory per run and generation. ``journal.json`` appears complete or not at all and only ever
moves forward: entries are appended, the epoch rises, the settlement is final. A pre-image is on disk
before the entry that names it, and the entry before the project file changes. So at any instant either
no project file was changed, or the journal can restore it.
"""

import asyncio
import hashlib
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from activities.adapters.durable import make_directory, write_durably, write_once
from activities.adapters.journal_files import TOMBSTONE, decode, encode, writing
from activities.adapters.journal_index import JournalHead, JournalIndex
from activities.adapters.journal_model import FIRST_EPOCH, Journal, JournalEntry, Settlement
from activities.adapters.project_lock import project_lock, short_lock
from activities.adapters.state_dir import StateDir, safe_name
from workflows.errors import OrchestratorError
from workflows.models.record import RollbackOutcome
from workflows.models.snapshot import NeighbourProof

__all__ = ["FIRST_EPOCH", "Guard", "Journal", "JournalEntry", "JournalStore", "Settlement"]

_LOOK_AGAIN_SECONDS = 0.2


@dataclass(frozen=True)
class Guard:
    """The right to change things, asked for anew before every single change."""

    store: "JournalStore"
    run_id: str
    generation: int
    epoch: int

    def check(self) -> Journal:
        """Still ours? Reads one small file; cheap enough before each change of file, tag or container.

        Raises:
            OrchestratorError: ``journal_settled`` once someone settled it or raised its epoch.
        """
        journal = self.store.read(self.run_id, self.generation)
        _require_current(journal, self.epoch)
        return journal


@dataclass(frozen=True)
class JournalStore:
    """All journals of one state directory. Methods do small synchronous IO; none waits long.

    Raises:
        OrchestratorError: ``journal_missing``, ``journal_unreadable``, ``journal_settled``.
    """

    state: StateDir
    lock_timeout_seconds: float = 60.0
    deployment_lock_dir: Path | None = None
    """MoonMind's deployment locks, honoured where configured (``MOONMIND_DEPLOYMENT_LOCK_DIR``)."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    index: JournalIndex = field(default_factory=JournalIndex)

    def open(self, journal: Journal) -> Journal:
        """Write the journal once per run and generation; a retry gets the one that is there."""
        directory = self._directory(journal.run_id, journal.generation)
        try:
            with writing(directory):
                make_directory(directory)
                make_directory(directory / "pre")
                write_once(directory / "journal.json", encode(journal))
        except FileExistsError:
            found = self.find(journal.run_id, journal.generation)
            if found is None:  # forbidden meanwhile
                raise OrchestratorError("journal_settled", by="rollback", run_id=journal.run_id) from None
            return found
        return journal

    def forbid(self, run_id: str, generation: int) -> bool:
        """Make sure that no journal can be opened for this run any more; False where there is one.

        A rollback that finds nothing written must not be followed by a late patch step.
        """
        directory = self._directory(run_id, generation)
        make_directory(directory)
        try:
            write_once(directory / "journal.json", TOMBSTONE)
        except FileExistsError:
            return self.find(run_id, generation) is None
        return True

    def read(self, run_id: str, generation: int = 1) -> Journal:
        """The journal as it is now."""
        journal = self.find(run_id, generation)
        if journal is None:
            raise OrchestratorError("journal_missing", run_id=run_id)
        return journal

    def begun(self, run_id: str, generation: int) -> bool:
        """Whether the run's first write of this generation was permitted already, settled since or not."""
        return self.find(run_id, generation) is not None

    def find(self, run_id: str, generation: int = 1) -> Journal | None:
        """The journal as it is now, or None where this run never opened one."""
        return decode(self._directory(run_id, generation) / "journal.json")

    async def require_unwritten(
        self, run_id: str, generation: int, round_number: int, patience_seconds: float = 0.0
    ) -> None:
        """Nobody closed the run's evidence, and no execution of it wrote before this one looked (I6).

        A journal before the end of round 1 is that of an execution that was reset. Its guard rolls back what
        it did, and vouches for what was found and planned then; that is waited for, so that the run ends as
        what was measured.

        Raises:
            OrchestratorError: ``journal_settled``.
        """
        deadline = time.monotonic() + patience_seconds
        while (journal := self.find(run_id, generation)) is not None:
            if journal.settled is not None:
                raise _settled_error(journal)
            if round_number > 1:
                return
            if time.monotonic() >= deadline:
                by = "the guard of its execution before the reset"
                raise OrchestratorError("journal_settled", by=by, run_id=run_id)
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)

    def heads(self, project: str | None = None) -> tuple[JournalHead, ...]:
        """What each journal tells at a glance, of one project or of all, oldest first."""
        found = self.index.heads(self.state.journals)
        return tuple(head for head in found if project in {None, head.project})

    def all(self, project: str | None = None) -> tuple[Journal, ...]:
        """Every journal of one project or of all, oldest first; as many are read as there are."""
        return _read(self.heads(project))

    def of_run(self, run: str) -> tuple[Journal, ...]:
        """Every journal of a run, named by its run id or workflow id, oldest first."""
        return _read(head for head in self.heads() if run in {head.run_id, head.workflow_id})

    def unsettled(self, project: str | None = None) -> tuple[Journal, ...]:
        """Journals that still await their end, of one project or of all, oldest first."""
        found = _read(head for head in self.heads(project) if not head.settled)
        return tuple(journal for journal in found if journal.settled is None)

    def append_entry(self, guard: Guard, entry: JournalEntry, pre_image: bytes | None) -> Journal:
        """Record a file before it is changed: first its pre-image, then the entry that names it.

        A file that is known already keeps its pre-image and gains the new contents in ``written``.
        """
        with short_lock(self._existing(guard.run_id, guard.generation) / "edit.lock"):
            journal = guard.check()
            known = journal.entry(entry.path)
            if known is None:
                if pre_image is not None:
                    stored = self._pre_image_path(journal, entry.path)
                    with writing(stored):
                        write_durably(stored, pre_image)
                return self._save(journal, entries=(*journal.entries, entry))
            fresh = tuple(sha for sha in entry.written if sha not in known.written)
            if not fresh:
                return journal
            merged = known.model_copy(update={"written": (*known.written, *fresh)})
            return self._save(
                journal, entries=tuple(merged if e.path == entry.path else e for e in journal.entries)
            )

    def pre_image(self, journal: Journal, path: str) -> bytes | None:
        """The file's content before the run; None where it did not exist.

        Raises:
            OrchestratorError: ``journal_unreadable`` where the stored bytes are not the recorded ones.
        """
        entry = journal.entry(path)
        if entry is None or entry.before is None:
            return None
        stored = self._pre_image_path(journal, path)
        try:
            data = stored.read_bytes()
        except OSError as error:
            raise OrchestratorError("journal_unreadable", path=stored, detail=str(error)) from error
        if hashlib.sha256(data).hexdigest() != entry.before:
            raise OrchestratorError("journal_unreadable", path=stored, detail="its checksum is wrong")
        return data

    def raise_epoch(self, run_id: str, generation: int, by: str) -> int:
        """Take the journal over: every earlier holder fails ``journal_settled`` from now on."""
        with short_lock(self._existing(run_id, generation) / "edit.lock"):
            journal = self.read(run_id, generation)
            if journal.settled is not None:
                raise _settled_error(journal)
            return self._save(journal, epoch=journal.epoch + 1, raised_by=by).epoch

    def record_rollback(
        self, guard: Guard, outcome: RollbackOutcome, proof: NeighbourProof | None
    ) -> Journal:
        """Keep what a rollback measured, for the report and for a retry of the step."""
        with short_lock(self._existing(guard.run_id, guard.generation) / "edit.lock"):
            return self._save(guard.check(), rollback=outcome, proof=proof)

    def record_volumes(self, guard: Guard, names: tuple[str, ...]) -> Journal:
        """Note volumes that this run's containers brought, before those containers go."""
        return self.note(guard, lambda j: {"volumes_made": tuple(sorted({*j.volumes_made, *names}))})

    def note(self, guard: Guard, change: Callable[[Journal], Mapping[str, object]]) -> Journal:
        """Change fields of the journal, as ``change`` makes them from what is there; durable on return."""
        with short_lock(self._existing(guard.run_id, guard.generation) / "edit.lock"):
            journal = guard.check()
            changes = change(journal)
            fresh = {name: value for name, value in changes.items() if getattr(journal, name) != value}
            return self._save(journal, **fresh) if fresh else journal

    def settle(self, guard: Guard, *, by: str, outcome: str) -> Journal:
        """End the journal; settling it again the same way changes nothing."""
        with short_lock(self._existing(guard.run_id, guard.generation) / "edit.lock"):
            journal = self.read(guard.run_id, guard.generation)
            if journal.settled is not None and journal.settled.outcome == outcome:
                return journal
            _require_current(journal, guard.epoch)
            return self._save(journal, settled=Settlement(by=by, at=self.now(), outcome=outcome))

    def bury(self, run_id: str, generation: int) -> None:
        """Let go of a settled journal and its pre-images; doing it again finishes what was interrupted.

        A mark stays in its place: a late step, or a reset of the run's workflow, cannot open it anew.

        Raises:
            OrchestratorError: ``journal_open`` where it is not settled, ``journal_unreadable``.
        """
        directory = self._existing(run_id, generation)
        with short_lock(directory / "edit.lock"):
            journal = self.find(run_id, generation)
            if journal is not None and journal.settled is None:
                raise OrchestratorError("journal_open", run_id=run_id)
            with writing(directory):
                if journal is not None:
                    write_durably(directory / "journal.json", TOMBSTONE)
                if (directory / "pre").is_dir():
                    shutil.rmtree(directory / "pre")

    def guard(self, run_id: str, generation: int, epoch: int) -> Guard:
        """The guard of a holder who was given ``epoch``; 0 means: the first holder."""
        return Guard(self, run_id, generation, epoch or FIRST_EPOCH)

    @asynccontextmanager
    async def locked(self, project: str) -> AsyncIterator[None]:
        """Hold the project's lock, without a journal (I7).

        Raises:
            OrchestratorError: ``lock_timeout``.
        """
        async with project_lock(
            self.state.locks, safe_name(project), self.lock_timeout_seconds, self.deployment_lock_dir
        ):
            yield

    @asynccontextmanager
    async def holding(self, project: str, run_id: str, generation: int, epoch: int) -> AsyncIterator[Guard]:
        """Hold the project's lock and the right to change it; what every mutating step runs in.

        Raises:
            OrchestratorError: ``lock_timeout``, ``journal_settled``, ``journal_missing``.
        """
        async with self.locked(project):
            guard = self.guard(run_id, generation, epoch)
            guard.check()
            yield guard

    def _directory(self, run_id: str, generation: int) -> Path:
        return self.state.journals / f"{safe_name(run_id)}.{generation}"

    def _existing(self, run_id: str, generation: int) -> Path:
        directory = self._directory(run_id, generation)
        if not directory.is_dir():
            raise OrchestratorError("journal_missing", run_id=run_id)
        return directory

    def _pre_image_path(self, journal: Journal, path: str) -> Path:
        name = hashlib.sha256(path.encode()).hexdigest()
        return self._directory(journal.run_id, journal.generation) / "pre" / name

    def _save(self, journal: Journal, **changes: object) -> Journal:
        changed = journal.model_copy(update=changes)
        path = self._directory(journal.run_id, journal.generation) / "journal.json"
        with writing(path):
            write_durably(path, encode(changed))
        return changed


def _read(heads: Iterable[JournalHead]) -> tuple[Journal, ...]:
    found = (decode(head.path) for head in heads)
    return tuple(journal for journal in found if journal is not None)


def _require_current(journal: Journal, epoch: int) -> None:
    if journal.settled is not None or journal.epoch != epoch:
        raise _settled_error(journal)


def _settled_error(journal: Journal) -> OrchestratorError:
    by = journal.settled.by if journal.settled else journal.raised_by
    return OrchestratorError("journal_settled", by=by or "somebody else", run_id=journal.run_id)
