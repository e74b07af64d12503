"""A growing log as an object: the whole of it while it is small, later only what is new (SPEC FR-005).

S3 cannot append. From 5 MiB on the store itself puts the object together anew, from the one that it has
and the new tail; only the tail is sent. What an update supersedes is removed, so versioning keeps none.
"""

import io
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from minio import Minio
from minio.commonconfig import ComposeSource

from activities.adapters.depot import content_type

if TYPE_CHECKING:
    from activities.adapters.object_store import ObjectStore

SMALLEST_PART: Final = 5 << 20
"""S3's: only the last part of an object may be smaller."""
_PART_BYTES: Final = 8 << 20
_GROWING: Final[dict[str, str | list[str] | tuple[str]]] = {"growing": "1"}


@dataclass
class ObjectMirror:
    """The live copy of one artifact; used by one thread."""

    store: "ObjectStore"
    key: str
    tail_key: str
    _size: int = 0
    _version: str | None = None

    def push(self, fd: int, size: int) -> None:
        """Bring the object up to the first ``size`` bytes of the file.

        Raises:
            DepotError: the store cannot be used; the object is as it was.
        """
        with self.store.lock(self.key), self.store.asking() as client:
            if self._size >= SMALLEST_PART and self._unchanged(client):
                self._append(client, fd, size)
            else:
                self._replace(client, fd, size)
            self._size = size

    def _unchanged(self, client: Minio) -> bool:
        """Whether the object still is the one that we put."""
        found = self.store.look(client, self.key)
        return found is not None and found.size == self._size and found.version_id == self._version

    def _replace(self, client: Minio, fd: int, size: int) -> None:
        found = self.store.look(client, self.key)
        put = self._put(client, self.key, fd, 0, size)
        if found is not None and "x-amz-meta-growing" in {name.lower() for name in found.metadata or {}}:
            self.store.forget(client, self.key, found.version_id)
        self._version = put

    def _append(self, client: Minio, fd: int, size: int) -> None:
        bucket = self.store.address.bucket
        tail = self._put(client, self.tail_key, fd, self._size, size)
        try:
            whole = ComposeSource(bucket, self.key, version_id=self._version)
            metadata = {**_GROWING, "Content-Type": content_type(self.key.rpartition("/")[2])}
            sources = [whole, ComposeSource(bucket, self.tail_key, version_id=tail)]
            made = self.store.patient.compose_object(bucket, self.key, sources, metadata=metadata)
        finally:
            self.store.discard(client, self.tail_key, tail)
        self.store.forget(client, self.key, self._version)
        self._version = made.version_id

    def _put(self, client: Minio, key: str, fd: int, start: int, end: int) -> str | None:
        name = self.key.rpartition("/")[2]
        put = client.put_object(
            self.store.address.bucket,
            key,
            _Slice(fd, start, end),
            end - start,
            content_type=content_type(name),
            metadata=_GROWING,
            part_size=_PART_BYTES,
            num_parallel_uploads=1,
        )
        return put.version_id


class _Slice(io.BytesIO):
    """Part of a file that somebody else writes: reads by position, and leaves the descriptor open."""

    def __init__(self, fd: int, start: int, end: int) -> None:
        super().__init__()
        self._fd, self._at, self._end = fd, start, end

    def read(self, size: int | None = -1, /) -> bytes:
        """As much as there is up to the end."""
        left = self._end - self._at
        data = os.pread(self._fd, left if size is None or size < 0 else min(size, left), self._at)
        self._at += len(data)
        return data
