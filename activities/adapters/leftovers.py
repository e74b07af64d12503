"""What runs left on this machine's disk: journals with pre-images, plans, evidence, records of used tokens.

Only directories that are named like a run of ours, in the state directory, are looked at. A journal that
cannot be read counts as open: what it may still have to put back is nobody's to remove.
"""

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

from activities.adapters.journal import Journal, JournalStore
from activities.adapters.project_lock import in_use
from activities.adapters.state_dir import StateDir, is_safe_name
from activities.adapters.used_tokens import forgotten_at
from workflows.errors import OrchestratorError
from workflows.models.artifact import ARTIFACT_NAMESPACE

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


class Kind(StrEnum):
    """What is left; runs give it back in this order, so that their journal, which knows the rest, is last."""

    HELD_IMAGE = "held image"
    VOLUME = "volume"
    CONTAINER = "container"
    PLAN = "plan"
    ARTIFACTS = "artifacts"
    UNDELIVERED = "undelivered"
    TOKEN = "used token"  # noqa: S105 - the word for a record of one
    JOURNAL = "journal"
    MARK = "mark"


@dataclass(frozen=True)
class Leftover:
    """One thing that can be removed as a whole."""

    kind: Kind
    name: str
    """The path of files, the tag, volume or container of Docker's."""
    at: datetime
    """When it was changed last, or when it may go."""
    size_bytes: int | None = None
    """None: not known."""
    run_id: str = ""
    project: str = ""
    service: str = ""


@dataclass(frozen=True)
class RunLeft:
    """Everything of one run on this disk, and what decides whether it may go."""

    run_id: str
    journals: tuple[Journal, ...] = ()
    unreadable: bool = False
    reported: bool = False
    """Its report is here: it has ended."""
    retain_until: datetime = _LONG_AGO
    """The latest of what its report promised of its evidence."""
    files: tuple[Leftover, ...] = ()

    @property
    def open(self) -> bool:
        """Something may still have to be put back."""
        return self.unreadable or any(journal.settled is None for journal in self.journals)

    @property
    def ended(self) -> bool:
        """Its report is here, or a journal that the report or ``recover`` settled.

        A journal that a rollback settled does not tell: another round may wait for its approval.
        """
        return self.reported or any(
            j.settled is not None and j.settled.by != "rollback" for j in self.journals
        )

    @property
    def changed_at(self) -> datetime:
        """When anything of it was changed last; marks, which stand where a journal was, do not count."""
        settled = [journal.settled.at for journal in self.journals if journal.settled]
        files = [one.at for one in self.files if one.kind is not Kind.MARK]
        return max((*settled, *files), default=_LONG_AGO)

    @property
    def volumes_left(self) -> frozenset[str]:
        """Volumes that its journals note as left behind or made by the run itself."""
        return frozenset(name for j in self.journals for name in (*j.volumes_left, *j.volumes_made))


@dataclass(frozen=True)
class Leftovers:
    """Looks through one state directory, and removes from it."""

    state: StateDir
    journals: JournalStore = field(repr=False)

    def runs(self) -> tuple[RunLeft, ...]:
        """Every run that left something here, the one that changed first comes first."""
        roots = (self.state.plans, self.state.artifact_root / ARTIFACT_NAMESPACE, self.state.spool)
        journals = self._journal_directories()
        names = {*journals, *(path.name for root in roots for path in _directories(root))}
        found = [self._run(name, journals.get(name, ())) for name in names if is_safe_name(name)]
        return tuple(sorted(found, key=lambda run: (run.changed_at, run.run_id)))

    def run(self, run_id: str) -> RunLeft:
        """One run as it is now."""
        return self._run(run_id, self._journal_directories(f"{run_id}.").get(run_id, ()))

    def _run(self, run_id: str, directories: Iterable[Path]) -> RunLeft:
        journals, unreadable, files = [], False, list(self._evidence(run_id))
        for directory in directories:
            generation = int(directory.name.rpartition(".")[2])
            try:
                journal = self.journals.find(run_id, generation)
            except OrchestratorError:
                unreadable = True
                continue
            journals += [journal] if journal else []
            marked = journal is None and not (directory / "pre").is_dir()
            files.append(_measured(Kind.MARK if marked else Kind.JOURNAL, directory, run_id))
        reported, until = _promise(self.state.artifact_root / ARTIFACT_NAMESPACE / run_id / "report.json")
        return RunLeft(run_id, tuple(journals), unreadable, reported, until, tuple(files))

    def tokens(self) -> tuple[Leftover, ...]:
        """Records of used tokens that nobody could use again anyway."""
        found = []
        for path in self.state.used_tokens.glob("[!.]*"):
            at = forgotten_at(path)
            if at is not None:
                found.append(Leftover(Kind.TOKEN, str(path), at, path.stat().st_size))
        return tuple(found)

    def remove(self, left: Leftover) -> None:
        """Remove one thing of this directory; fine where it is gone.

        Raises:
            OSError: what could not be removed.
            OrchestratorError: ``journal_open``; ``lock_timeout`` where somebody still writes or carries it.
        """
        path = Path(left.name)
        if not path.resolve().is_relative_to(self.state.root.resolve()):
            raise OSError(f"{path} is not in the state directory")
        if left.kind is Kind.JOURNAL:
            self.journals.bury(left.run_id, int(path.name.rpartition(".")[2]))
        elif left.kind is Kind.TOKEN:
            path.unlink(missing_ok=True)
        elif path.is_dir():
            if any(in_use(file) for file in path.rglob("*") if file.is_file()):
                raise OrchestratorError("lock_timeout", project=left.project or left.run_id)
            shutil.rmtree(path)

    def _evidence(self, run_id: str) -> Iterator[Leftover]:
        places = {
            Kind.PLAN: self.state.plans,
            Kind.ARTIFACTS: self.state.artifact_root / ARTIFACT_NAMESPACE,
            Kind.UNDELIVERED: self.state.spool,
        }
        for kind, root in places.items():
            path = root / run_id
            if path.is_dir() and not path.is_symlink():
                left = _measured(kind, path, run_id)
                if left.size_bytes or kind is not Kind.UNDELIVERED:  # an empty spool waits for nothing
                    yield left

    def _journal_directories(self, prefix: str = "") -> dict[str, list[Path]]:
        """By run, one per generation, of names that begin so."""
        found: dict[str, list[Path]] = {}
        for path in sorted(_directories(self.state.journals, prefix)):
            run_id, _, generation = path.name.rpartition(".")
            if generation.isdecimal():
                found.setdefault(run_id, []).append(path)
        return found


def _directories(root: Path, prefix: str = "") -> list[Path]:
    if not root.is_dir():
        return []
    with os.scandir(root) as entries:
        return [
            Path(entry.path)
            for entry in entries
            if entry.name.startswith(prefix) and entry.is_dir(follow_symlinks=False)
        ]


def _measured(kind: Kind, directory: Path, run_id: str) -> Leftover:
    """Its bytes, and when the newest of its files was changed; its own time where it has none."""
    size, newest = 0, 0.0
    for path in directory.rglob("*"):
        with suppress(FileNotFoundError):
            status = path.lstat()
            size += 0 if path.is_dir() else status.st_size
            newest = max(newest, 0.0 if path.is_dir() else status.st_mtime)
    at = datetime.fromtimestamp(newest or directory.stat().st_mtime, UTC)
    return Leftover(kind, str(directory), at, size, run_id)


def _promise(report: Path) -> tuple[bool, datetime]:
    """Whether there is a report, and until when it says that the evidence is kept."""
    try:
        told = json.loads(report.read_bytes())
        times = [datetime.fromisoformat(one["retain_until"]) for one in told["record"]["artifacts"]]
    except FileNotFoundError:
        return False, _LONG_AGO
    except (OSError, ValueError, KeyError, TypeError):  # damaged: its file's own time counts
        return True, datetime.fromtimestamp(report.stat().st_mtime, UTC) + timedelta(days=90)
    return True, max(times, default=_LONG_AGO)
