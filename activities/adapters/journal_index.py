"""What every journal tells at a glance, so that a run does not read through all runs before it.

Journals stay for weeks, and every run asks several times which of them are open. A journal's file is never
written in place: each change is another file under its name. So what was read counts for as long as the
file is the same, and of hundreds of settled journals a question costs one look at the directory.
"""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from activities.adapters.journal_files import decode
from workflows.errors import OrchestratorError

_Mark = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class JournalHead:
    """One journal, without what it would take to roll back."""

    path: Path
    run_id: str
    workflow_id: str
    project: str
    service: str
    opened_at: datetime
    settled: bool


@dataclass(frozen=True)
class JournalIndex:
    """The heads of one state directory's journals. Any number of threads may ask."""

    _read: dict[Path, tuple[_Mark, JournalHead | None]] = field(default_factory=dict, repr=False)

    def heads(self, journals: Path) -> tuple[JournalHead, ...]:
        """Of every journal there is, oldest first. Blocking.

        Raises:
            OrchestratorError: ``journal_unreadable``.
        """
        seen, heads = set[Path](), []
        for path in journals.glob("*/journal.json"):
            head = self._head(path)
            seen.add(path)
            if head is not None:
                heads.append(head)
        for gone in [path for path in tuple(self._read) if path not in seen]:
            self._read.pop(gone, None)
        return tuple(sorted(heads, key=lambda head: (head.opened_at, head.run_id, head.path)))

    def _head(self, path: Path) -> JournalHead | None:
        """None where the journal is gone, was never opened, or is buried."""
        try:
            found = path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise OrchestratorError("journal_unreadable", path=path, detail=type(error).__name__) from error
        mark = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        known = self._read.get(path)
        if known is not None and known[0] == mark:
            return known[1]
        journal = decode(path)  # of this file or of a later one: the next look finds which
        head = None
        if journal is not None:
            head = JournalHead(
                path, journal.run_id, journal.workflow_id, journal.project, journal.target.service,
                journal.opened_at, settled=journal.settled is not None,
            )  # fmt: skip
        self._read[path] = (mark, head)
        return head
