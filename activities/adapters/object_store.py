"""Evidence in an S3 bucket, through the ``minio`` client (SPEC FR-011, I6).

Key ``spec_workflows/<run_id>/<name>``; metadata ``sha256`` once the object is whole, ``growing`` before.
A store that fails is not asked again for a while (``Breaker``) but by those who have time.
"""

import io
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, BinaryIO, Final

from minio import Minio
from minio.datatypes import Object
from minio.error import S3Error

from activities.adapters.breaker import Breaker
from activities.adapters.depot import DepotError, Evidence, Found, Mirror, checked
from activities.adapters.object_bucket import GROWING, Bucket
from activities.adapters.object_client import LINK_TIME, ObjectStoreAddress, is_code
from activities.adapters.object_mirror import ObjectMirror
from activities.adapters.state_dir import safe_name
from workflows.errors import OrchestratorError
from workflows.models.artifact import ARTIFACT_NAMESPACE, artifact_type

PART_BYTES: Final = 8 << 20
_PATIENT_PART: Final = 5 << 20
"""S3's smallest: a part is sent within the time of the client, also over a slow line."""
_STEP_SECONDS: Final = 5.0
_LOCKS: Final = 256
_OPENED_BY_PEOPLE: Final = {
    "report": "html", "patch": "diff", "build": "log", "verify": "log", "rollback": "log",
}  # fmt: skip
"""Artifacts that get a link: it is 400 bytes long and travels through the history."""


@dataclass
class ObjectStore:
    """One bucket as a ``Depot``."""

    address: ObjectStoreAddress
    retention_days: int = 90
    patience: float | None = _STEP_SECONDS
    breaker: Breaker = field(default_factory=Breaker)
    _locks: tuple[threading.Lock, ...] = field(
        default_factory=lambda: tuple(threading.Lock() for _ in range(_LOCKS))
    )

    @property
    def place(self) -> str:
        """Endpoint and bucket."""
        return self.address.place

    @cached_property
    def bucket(self) -> Bucket:
        """The bucket, prepared with the first use."""
        return Bucket(self.address.bucket, self.address.region, self.retention_days)

    @cached_property
    def _quick(self) -> Minio:
        return self.address.client(patient=False)

    @cached_property
    def patient(self) -> Minio:
        """A client for those who have time."""
        return self.address.client(patient=True)

    @cached_property
    def _signer(self) -> Minio:
        return self.address.signer()

    def keep(self, evidence: Evidence, source: BinaryIO, *, patient: bool = False) -> None:
        """Put the object, unless it is there with this checksum; drop what live updates put before it."""
        key, start = self.key(evidence.run_id, evidence.name), source.tell()
        with self.lock(key), self.asking(patient=patient) as client:
            try:
                self._keep(client, key, evidence, source, _PATIENT_PART if patient else PART_BYTES)
            except S3Error as error:
                if not is_code(error, "NoSuchBucket"):
                    raise
                self.bucket.gone()  # it was there when this process began
                self.bucket.ready(client)
                source.seek(start)
                self._keep(client, key, evidence, source, PART_BYTES)

    def _keep(self, client: Minio, key: str, evidence: Evidence, source: BinaryIO, part: int) -> None:
        before = self.look(client, key)
        if before is not None and _found(before) == Found(evidence.sha256, evidence.size_bytes):
            return
        client.put_object(
            self.address.bucket,
            key,
            source,
            evidence.size_bytes,
            content_type=evidence.content_type,
            metadata={"sha256": evidence.sha256, "retain-until": evidence.retain_until.isoformat()},
            part_size=part,
            num_parallel_uploads=1,
        )
        if before is not None and is_growing(before):
            self.forget(client, key, before.version_id)

    def find(self, run_id: str, name: str) -> Found | None:
        """By its metadata."""
        with self.asking() as client:
            found = self.look(client, self.key(run_id, name))
        return None if found is None else _found(found)

    def names(self, run_id: str) -> tuple[str, ...]:
        """Keys below the run's prefix."""
        prefix = f"{ARTIFACT_NAMESPACE}/{safe_name(run_id)}/"
        with self.asking() as client:
            listed = client.list_objects(self.address.bucket, prefix=prefix)
            return tuple(sorted(str(one.object_name).removeprefix(prefix) for one in listed))

    def read(self, run_id: str, name: str, last_bytes: int | None = None) -> bytes:
        """The object, or its end."""
        key = self.key(run_id, name)
        with self.asking() as client:
            found = self.look(client, key)
            if found is None:
                raise FileNotFoundError(key)
            size = found.size or 0
            offset = max(0, size - last_bytes) if last_bytes is not None else 0
            if offset == size:
                return b""
            answer = client.get_object(self.address.bucket, key, offset=offset)
            try:
                return bytes(answer.read())
            finally:
                answer.close()
                answer.release_conn()

    def uri(self, run_id: str, name: str) -> str:
        """``s3://bucket/key``."""
        return f"s3://{self.address.bucket}/{self.key(run_id, name)}"

    def link(self, run_id: str, name: str) -> str:
        """Signed for the address that browsers use; for the few artifacts that people open."""
        if _OPENED_BY_PEOPLE.get(artifact_type(name)) != name.rpartition(".")[2]:
            return ""
        return self._signer.presigned_get_object(self.address.bucket, self.key(run_id, name), LINK_TIME)

    def mirror(self, run_id: str, name: str) -> Mirror:
        """What shows a growing log."""
        return ObjectMirror(self, self.key(run_id, name), f"{GROWING}/{safe_name(run_id)}/{checked(name)}")

    def too_slow(self) -> OSError:
        """The next ones do not wait for it; a big artifact may arrive yet."""
        self.breaker.failed()
        return DepotError(
            OrchestratorError("store_unreachable", place=self.place, detail="too slow to be waited for")
        )

    def check(self) -> str:
        """Put, get and remove a small object."""
        key, data = f"{GROWING}/probe-{secrets.token_hex(8)}", secrets.token_bytes(16)
        with self.asking(patient=False, whatever=True) as client:
            put = client.put_object(self.address.bucket, key, io.BytesIO(data), len(data))
            answer = client.get_object(self.address.bucket, key)
            same = answer.read() == data
            answer.release_conn()
            self.discard(client, key, put.version_id)
        if not same:
            raise DepotError(
                OrchestratorError("store_refused", place=self.address.place, detail="other bytes")
            )
        notes = "; ".join(self.bucket.notes)
        return f"{self.address.place}{'; ' if notes else ''}{notes}"

    def key(self, run_id: str, name: str) -> str:
        """The object's key."""
        return f"{ARTIFACT_NAMESPACE}/{safe_name(run_id)}/{checked(name)}"

    def lock(self, key: str) -> threading.Lock:
        """One change of a key at a time: a late upload must not land on a newer one."""
        return self._locks[hash(key) % _LOCKS]

    @contextmanager
    def asking(self, *, patient: bool = False, whatever: bool = False) -> Iterator[Minio]:
        """A client and a bucket that is there; keeps the breaker, and names what is wrong.

        Args:
            patient: for those who have time; the breaker does not concern them.
            whatever: ask also while the breaker is open.

        Raises:
            DepotError: the store cannot be used.
            FileNotFoundError: the body's own.
        """
        if not (patient or whatever or self.breaker.admits()):
            raise DepotError(
                OrchestratorError("store_unreachable", place=self.address.place, detail="it just failed")
            )
        client = self.patient if patient else self._quick
        try:
            with self.address.told():
                self.bucket.ready(client)
                yield client
        except FileNotFoundError:
            self.breaker.succeeded()
            raise
        except DepotError as error:
            self.breaker.failed()
            raise self._plainer(client, error) from error
        self.breaker.succeeded()

    def _plainer(self, client: Minio, error: DepotError) -> DepotError:
        """An answer to HEAD has no words: whether it is the login or the clock, another question tells."""
        if error.problem.code != "store_credentials":
            return error
        try:
            with self.address.told():
                client.get_bucket_versioning(self.address.bucket)
        except DepotError as plain:
            return plain if plain.problem.code != "store_refused" else error
        return error

    def look(self, client: Minio, key: str) -> Object | None:
        """The newest version of an object."""
        try:
            return client.stat_object(self.address.bucket, key)
        except S3Error as error:
            if is_code(error, "NoSuchKey", "NoSuchObject", "NoSuchVersion"):
                return None
            raise

    def forget(self, client: Minio, key: str, version: str | None) -> None:
        """Remove one version for good; without versions the newer object has replaced it.

        A login that may not is no reason for anything to fail: the version ends by the bucket's rule.
        """
        if version and version != "null":
            self.discard(client, key, version)

    def discard(self, client: Minio, key: str, version: str | None) -> None:
        """Remove an object, where the login may."""
        with suppress(S3Error):
            client.remove_object(self.address.bucket, key, version)


def is_growing(found: Object) -> bool:
    """Whether it is the beginning of something that was not closed yet."""
    return "growing" in _metadata(found)


def _found(found: Object) -> Found | None:
    sha256 = _metadata(found).get("sha256")
    return None if sha256 is None else Found(str(sha256), found.size or 0)


def _metadata(found: Object) -> dict[str, Any]:
    items = (found.metadata or {}).items()
    return {name.lower().removeprefix("x-amz-meta-"): value for name, value in items}
