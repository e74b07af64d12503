"""A journal's file: how it is written down and read again, and the catalogue's words where that fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from activities.adapters.journal_model import Journal
from workflows.errors import OrchestratorError

TOMBSTONE: Final = b'{"never_opened": true}'
"""In place of a journal that was never opened and must not be any more, and of one that was buried."""


def encode(journal: Journal) -> bytes:
    """As the file has it."""
    return journal.model_dump_json(indent=2).encode()


def decode(path: Path) -> Journal | None:
    """The journal in this file; None where there is none.

    Raises:
        OrchestratorError: ``journal_unreadable``.
    """
    try:
        data = path.read_bytes()
        return None if data == TOMBSTONE else Journal.model_validate_json(data)
    except FileNotFoundError:
        return None
    except (OSError, ValidationError, ValueError) as error:
        raise OrchestratorError("journal_unreadable", path=path, detail=type(error).__name__) from error


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """A full or broken disk in the catalogue's words; nothing of the project was changed by then.

    Raises:
        OrchestratorError: ``write_failed``.
    """
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        raise OrchestratorError("write_failed", detail=f"{path}: {error.strerror or error}") from error
