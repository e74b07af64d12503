"""Where a bundle may lie: a folder, the state directory, the object store. No link is ever followed."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Protocol

from starter.bundle.manifest import refused
from starter.files import file_chunks
from workflows.models.artifact import ARTIFACT_NAMESPACE

if TYPE_CHECKING:
    from starter.object_store import ObjectStore


class Place(Protocol):
    """One place that holds files of a bundle."""

    @property
    def words(self) -> str:
        """The place as a report names it."""
        ...

    def sizes(self) -> dict[str, int | None]:
        """Name -> bytes; None for what is no regular file (a link, a directory, a pipe).

        Raises:
            OrchestratorError: ``bundle_refused``, ``store_unreachable``, ``store_credentials``.
        """
        ...

    def chunks(self, name: str) -> Iterator[bytes]:
        """The file's bytes, a piece at a time. Raises OSError, and as ``sizes``."""
        ...


@dataclass(frozen=True)
class Folder:
    """A directory of this machine."""

    path: Path
    optional: bool = False
    """Whether it may be absent: a state directory need not have the run."""

    @property
    def words(self) -> str:
        """The directory's path."""
        return str(self.path)

    def sizes(self) -> dict[str, int | None]:
        """Its entries; nothing is followed."""
        found: dict[str, int | None] = {}
        try:
            with os.scandir(self.path) as entries:
                for entry in entries:
                    told = entry.stat(follow_symlinks=False)
                    found[entry.name] = told.st_size if S_ISREG(told.st_mode) else None
        except (FileNotFoundError, NotADirectoryError):
            if not self.optional:
                raise refused(f"{self.path} is no directory") from None
        except OSError as error:
            raise refused(f"{self.path} cannot be read: {error.strerror}") from None
        return found

    def chunks(self, name: str) -> Iterator[bytes]:
        """The bytes of a regular file of the directory."""
        return file_chunks(self.path / name)


@dataclass(frozen=True)
class Bucket:
    """The run's objects in the object store."""

    store: "ObjectStore"
    run_id: str

    @property
    def words(self) -> str:
        """The objects' common address."""
        return f"s3://{self.store.bucket}/{ARTIFACT_NAMESPACE}/{self.run_id}"

    def sizes(self) -> dict[str, int | None]:
        """The run's objects."""
        return {name: found.size_bytes for name, found in self.store.listed(self.run_id).items()}

    def chunks(self, name: str) -> Iterator[bytes]:
        """The object's bytes."""
        return self.store.chunks(self.run_id, name)


@dataclass(frozen=True)
class Places:
    """Several places as one: a file counts where it is found first."""

    places: tuple[Place, ...]

    @property
    def words(self) -> str:
        """All of them."""
        return ", ".join(place.words for place in self.places)

    @cached_property
    def _listings(self) -> tuple[dict[str, int | None], ...]:
        return tuple(place.sizes() for place in self.places)

    def sizes(self) -> dict[str, int | None]:
        """The files of all places, as they were when they were first asked for."""
        found: dict[str, int | None] = {}
        for listing in reversed(self._listings):
            found |= listing
        return found

    def chunks(self, name: str) -> Iterator[bytes]:
        """The bytes from the first place that has the file."""
        for place, listing in zip(self.places, self._listings, strict=True):
            if name in listing:
                return place.chunks(name)
        raise FileNotFoundError(name)


def places_of(run_id: str, state_dir: Path, store: "ObjectStore | None") -> Places:
    """Where a run's evidence may be: the object store, then this machine's store and spool."""
    local = state_dir / "artifacts" / ARTIFACT_NAMESPACE / run_id, state_dir / "spool" / run_id
    folders = tuple(Folder(path, optional=True) for path in local)
    return Places((*((Bucket(store, run_id),) if store is not None else ()), *folders))
