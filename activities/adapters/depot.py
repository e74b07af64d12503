"""Where evidence is kept for good: what a local directory and an S3 store have in common (SPEC FR-011, I6).

Nothing here waits for a store that is away: whoever keeps evidence writes it to the spool first.
"""

import hashlib
import os
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from workflows.errors import OrchestratorError

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]*(?:\.[0-9]+)?\.[a-z]+")
_CHUNK: Final = 1 << 20
_CONTENT_TYPES: Final = {
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "log": "text/plain; charset=utf-8",
    "diff": "text/x-diff; charset=utf-8",
    "patch": "text/x-diff; charset=utf-8",
    "html": "text/html; charset=utf-8",
}


class DepotError(OSError):
    """The store does not take or give evidence now; ``problem`` says why, as the catalogue has it."""

    def __init__(self, problem: OrchestratorError) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(frozen=True)
class Evidence:
    """One artifact on its way into the store."""

    run_id: str
    name: str
    sha256: str
    size_bytes: int
    content_type: str
    retain_until: datetime


@dataclass(frozen=True)
class Found:
    """What a store says of an artifact it has whole."""

    sha256: str
    size_bytes: int


class Mirror(Protocol):
    """The copy, in the store, of a log that is still growing."""

    def push(self, fd: int, size: int) -> None:
        """Bring the copy up to the first ``size`` bytes of the file.

        Raises:
            OSError: it stays as it was.
        """


class Depot(Protocol):
    """A store of evidence; every method blocks, and raises ``OSError`` where the store cannot be used."""

    @property
    def patience(self) -> float | None:
        """Seconds a step waits for one artifact to arrive; None: it is a local disk."""

    @property
    def place(self) -> str:
        """Where it is, for an operator's eyes."""

    def keep(self, evidence: Evidence, source: BinaryIO, *, patient: bool = False) -> None:
        """Take the whole artifact, durably; a second time with the same bytes changes nothing.

        Args:
            evidence: name and checksum.
            source: its bytes, from the current position on.
            patient: nobody waits for it: take as long as it takes.
        """

    def find(self, run_id: str, name: str) -> Found | None:
        """A whole artifact; None where there is none, or only the beginning of one that still grows."""

    def names(self, run_id: str) -> tuple[str, ...]:
        """Names of everything of a run, the growing included."""

    def read(self, run_id: str, name: str, last_bytes: int | None = None) -> bytes:
        """The bytes, or only the last ones.

        Raises:
            FileNotFoundError: there is no such artifact.
        """

    def uri(self, run_id: str, name: str) -> str:
        """Its address, also before it is there."""

    def link(self, run_id: str, name: str) -> str:
        """Where a browser opens it without a login; '' where nowhere."""

    def mirror(self, run_id: str, name: str) -> Mirror | None:
        """What shows a growing artifact to others; None where its file is visible as it is."""

    def too_slow(self) -> OSError:
        """Somebody waited for too long: what to tell them; the next ones are not let wait as long."""

    def check(self) -> str:
        """Write, read and remove a small object; says what the store is.

        Raises:
            OSError: what is wrong, as ``problem_of`` tells it.
        """


def problem_of(error: OSError, place: str) -> OrchestratorError:
    """What the catalogue says of a store that cannot be used."""
    if isinstance(error, DepotError):
        return error.problem
    return OrchestratorError("store_unwritable", place=place, detail=error.strerror or str(error))


def is_name(name: str) -> bool:
    """Whether this is an artifact's name, not a file on its way to become one."""
    return _NAME.fullmatch(name) is not None


def checked(name: str) -> str:
    """A name that may become part of a path or key.

    Raises:
        ValueError: it may not.
    """
    if not is_name(name):
        raise ValueError(f"not an artifact name: {name!r}")
    return name


def content_type(name: str) -> str:
    """By extension."""
    return _CONTENT_TYPES.get(name.rpartition(".")[2], "application/octet-stream")


def checksum(fd: int) -> tuple[str, int]:
    """SHA-256 and size of a file, read from its beginning; the descriptor's position stays."""
    digest, size = hashlib.sha256(), 0
    while chunk := os.pread(fd, _CHUNK, size):
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size


def checksum_of(path: Path) -> tuple[str, int]:
    """SHA-256 and size of a file."""
    with path.open("rb") as file:
        return checksum(file.fileno())
