"""Reads evidence from the S3 store, for whoever is not on the worker's machine (SPEC FR-011, SC-003).

Only reading: what is written there is the worker's business. Every way a store can refuse becomes an
error of the catalogue with its remedy.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

import certifi
import urllib3
from minio import Minio
from minio.datatypes import Object
from minio.error import InvalidResponseError, MinioException, S3Error

from starter.files import CHUNK_BYTES
from starter.links import LONGEST_LINK
from starter.settings import StarterSettings
from workflows.errors import OrchestratorError
from workflows.models.artifact import ARTIFACT_NAMESPACE

_CONNECT_SECONDS: Final = 5.0
_READ_SECONDS: Final = 30.0
_ABSENT: Final = frozenset({"NoSuchKey", "NoSuchObject", "NoSuchVersion"})
_KNOWN_REASONS: Final = (
    "Connection refused",
    "timed out",
    "Name or service not known",
    "certificate verify failed",
)
_CODES: Final = {
    "AccessDenied": "store_credentials",
    "AuthorizationHeaderMalformed": "store_credentials",
    "ExpiredToken": "store_credentials",
    "InvalidAccessKeyId": "store_credentials",
    "InvalidToken": "store_credentials",
    "SignatureDoesNotMatch": "store_credentials",
    "RequestTimeTooSkewed": "store_clock_skew",
    "NoSuchBucket": "store_bucket",
    "InvalidBucketName": "store_bucket",
}


@dataclass(frozen=True)
class StoredObject:
    """One object of a run, as the store lists it."""

    name: str
    size_bytes: int
    modified: datetime | None
    """When the store took it (UTC)."""


def key_of(run_id: str, name: str) -> str:
    """The object key of an artifact."""
    return f"{ARTIFACT_NAMESPACE}/{run_id}/{name}"


@dataclass(frozen=True)
class ObjectStore:
    """One bucket of an S3 server.

    Attributes:
        client: the library's client; it connects at the first call.
        endpoint: the server as messages name it.
        bucket: where the evidence is.
        signer: signs links for the address under which browsers reach the server; it asks nobody.
    """

    client: Minio
    endpoint: str
    bucket: str
    signer: Minio

    def chunks(self, run_id: str, name: str, offset: int = 0) -> Iterator[bytes]:
        """The object's bytes from ``offset`` on, at most 1 MiB at a time.

        Raises:
            FileNotFoundError: the store has no such object, or nothing at that offset.
            OrchestratorError: ``store_unreachable``, ``store_credentials``, ``store_bucket``.
        """
        with self._errors(key_of(run_id, name)):
            response = self.client.get_object(self.bucket, key_of(run_id, name), offset=offset)
            try:
                yield from response.stream(CHUNK_BYTES)
            finally:
                response.close()
                response.release_conn()

    def listed(self, run_id: str) -> dict[str, StoredObject]:
        """Every object of a run by name; one request per thousand. Raises as ``chunks``."""
        return {name: found for owner, name, found in self._all(f"{run_id}/") if owner == run_id}

    def everything(self) -> Iterator[tuple[str, StoredObject]]:
        """(run id, object) of all runs, in the order of the keys. Raises as ``chunks``."""
        for owner, _, found in self._all(""):
            yield owner, found

    def link(self, run_id: str, name: str, valid_for: timedelta) -> str:
        """An address that opens without a login until ``valid_for`` is over (at most 7 days)."""
        with self._errors(key_of(run_id, name)):
            return self.signer.presigned_get_object(
                self.bucket, key_of(run_id, name), expires=min(valid_for, LONGEST_LINK)
            )

    def _all(self, below: str) -> Iterator[tuple[str, str, StoredObject]]:
        prefix = f"{ARTIFACT_NAMESPACE}/{below}"
        with self._errors(prefix):
            for found in self.client.list_objects(self.bucket, prefix=prefix, recursive=True):
                _, _, rest = (found.object_name or "").partition("/")
                owner, _, name = rest.partition("/")
                if owner and name:
                    yield owner, name, _stored(name, found)

    @contextmanager
    def _errors(self, key: str) -> Iterator[None]:
        try:
            yield
        except S3Error as error:
            if error.code in _ABSENT or error.code == "InvalidRange":
                raise FileNotFoundError(f"no object {key} in bucket {self.bucket}") from None
            raise self._refused(error) from None
        except InvalidResponseError as error:
            raise self._unreachable(f"what answers is no S3 server ({error})"[:200]) from None
        except (MinioException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            if isinstance(error, FileNotFoundError):
                raise
            raise self._unreachable(_first_words(error)) from None

    def _refused(self, error: S3Error) -> OrchestratorError:
        code = _CODES.get(error.code or "", "store_refused")
        return OrchestratorError(code, place=self.endpoint, bucket=self.bucket, detail=error.code or "error")

    def _unreachable(self, detail: str) -> OrchestratorError:
        return OrchestratorError("store_unreachable", place=self.endpoint, detail=detail)


def object_store(settings: StarterSettings) -> ObjectStore | None:
    """The store that the environment names; None where it names none.

    Raises:
        OrchestratorError: ``settings_invalid`` where the endpoint is no address.
    """
    if settings.s3_endpoint is None:
        return None
    host, secure = _endpoint(settings.s3_endpoint, settings.s3_use_ssl)
    public = _endpoint(settings.artifact_public_endpoint or settings.s3_endpoint, secure)
    return ObjectStore(
        client=_client(settings, host, secure=secure),
        endpoint=host,
        bucket=settings.s3_bucket,
        signer=_client(settings, public[0], secure=public[1]),
    )


def _client(settings: StarterSettings, host: str, *, secure: bool) -> Minio:
    try:
        return Minio(
            host,
            access_key=settings.s3_access_key or None,
            secret_key=settings.s3_secret_key.get_secret_value() or None,
            secure=secure,
            region=settings.s3_region,
            http_client=_http(),
        )
    except ValueError as error:
        raise _no_address(str(error)) from None


def _endpoint(text: str, use_ssl: bool) -> tuple[str, bool]:
    """``host:port`` and whether TLS is spoken."""
    if "://" not in text:
        return text, use_ssl
    address = urlsplit(text)
    if address.scheme not in {"http", "https"} or not address.netloc or address.path.strip("/"):
        raise _no_address("it is host:port, or http(s)://host:port without a path")
    if "@" in address.netloc:
        raise _no_address("credentials do not belong into the address")
    return address.netloc, address.scheme == "https"


def _no_address(detail: str) -> OrchestratorError:
    return OrchestratorError("settings_invalid", detail=f"TEMPORAL_ARTIFACT_S3_ENDPOINT: {detail}")


def _http() -> urllib3.PoolManager:
    """The library's own client waits five minutes for a server that does not answer."""
    return urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS),
        retries=urllib3.Retry(total=2, connect=1, read=1, backoff_factor=0.2, status_forcelist=(502, 503)),
        maxsize=16,
        cert_reqs="CERT_REQUIRED",
        ca_certs=os.environ.get("SSL_CERT_FILE") or certifi.where(),
    )


def _stored(name: str, found: Object) -> StoredObject:
    return StoredObject(name=name, size_bytes=found.size or 0, modified=found.last_modified)


def _first_words(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    text = str(reason)
    for known in (
        "Connection refused",
        "timed out",
        "Name or service not known",
        "certificate verify failed",
    ):
        if known.lower() in text.lower():
            return known[0].lower() + known[1:]
    return " ".join(text.split())[:200] or type(error).__name__
