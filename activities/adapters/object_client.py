"""How an S3 store is reached: addresses, login, patience; and what its errors mean to an operator."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import certifi
import urllib3
from minio import Minio
from minio.error import MinioException, S3Error, ServerError
from urllib3.exceptions import HTTPError

from activities.adapters.depot import DepotError
from workflows.errors import OrchestratorError

LINK_TIME: Final = timedelta(days=7)
"""The longest that S3 allows."""
_QUICK: Final = urllib3.Timeout(connect=3.0, read=5.0)
"""Somebody waits. Sending a part counts as connecting: urllib3 gives a whole body that long."""
_PATIENT: Final = urllib3.Timeout(connect=60.0, read=60.0)
_CODES: Final = {
    "InvalidAccessKeyId": "store_credentials",
    "SignatureDoesNotMatch": "store_credentials",
    "AccessDenied": "store_credentials",
    "InvalidToken": "store_credentials",
    "ExpiredToken": "store_credentials",
    "RequestTimeTooSkewed": "store_clock_skew",
    "NoSuchBucket": "store_bucket",
    "InvalidBucketName": "store_bucket",
    "XMinioStorageFull": "store_full",
    "QuotaExceeded": "store_full",
    "XMinioAdminBucketQuotaExceeded": "store_full",
    "EntityTooLarge": "store_full",
}


@dataclass(frozen=True)
class ObjectStoreAddress:
    """One bucket of one S3 store, and the login that is used there."""

    endpoint: str
    """``host:port``."""
    bucket: str
    access_key: str
    secret_key: str = field(repr=False)
    region: str = "us-east-1"
    use_ssl: bool = False
    public_endpoint: str | None = None
    """``host:port`` under which browsers reach it; None: the same."""
    public_ssl: bool = False

    @property
    def place(self) -> str:
        """For an operator's eyes."""
        return f"{'https' if self.use_ssl else 'http'}://{self.endpoint}/{self.bucket}"

    def client(self, *, patient: bool) -> Minio:
        """A client whose every request ends within its time; at most one more try of a connection."""
        pool = urllib3.PoolManager(
            timeout=_PATIENT if patient else _QUICK,
            retries=urllib3.Retry(total=1, connect=1, read=0, status=0, redirect=0, backoff_factor=0.2),
            maxsize=8,
            cert_reqs="CERT_REQUIRED",
            ca_certs=os.environ.get("SSL_CERT_FILE") or certifi.where(),
        )
        return self._minio(self.endpoint, secure=self.use_ssl, pool=pool)

    def signer(self) -> Minio:
        """A client for the address that browsers use; it only signs, and asks nobody."""
        if self.public_endpoint is None:
            return self._minio(self.endpoint, secure=self.use_ssl)
        return self._minio(self.public_endpoint, secure=self.public_ssl)

    def _minio(self, endpoint: str, *, secure: bool, pool: urllib3.PoolManager | None = None) -> Minio:
        return Minio(
            endpoint,
            access_key=self.access_key,
            secret_key=self.secret_key,
            region=self.region,
            secure=secure,
            http_client=pool,
        )

    def problem(self, error: Exception) -> OrchestratorError:
        """What is wrong with the store, by the catalogue; no login, no address of a request in it."""
        if isinstance(error, S3Error):
            code = _CODES.get(error.code or "", "store_refused")
            return OrchestratorError(code, place=self.place, bucket=self.bucket, detail=error.code or "error")
        if isinstance(error, ServerError):
            return OrchestratorError("store_refused", place=self.place, detail=f"HTTP {error.status_code}")
        if isinstance(error, MinioException | ValueError):
            return OrchestratorError("store_refused", place=self.place, detail="no S3 answer")
        return OrchestratorError("store_unreachable", place=self.place, detail=_reason(error))

    @contextmanager
    def told(self) -> Iterator[None]:
        """Turn what client and network raise into ``DepotError``."""
        try:
            yield
        except (DepotError, FileNotFoundError):
            raise
        except (MinioException, HTTPError, OSError, ValueError) as error:
            raise DepotError(self.problem(error)) from error


def is_code(error: S3Error, *codes: str) -> bool:
    """Whether the server said one of these."""
    return error.code in codes


def _reason(error: Exception) -> str:
    """The innermost cause in a few words: urllib3 wraps it two or three times."""
    reason: object = getattr(error, "reason", None) or error
    words = {
        "NewConnectionError": "connection refused or no route",
        "ConnectTimeoutError": "no connection within the time",
        "ReadTimeoutError": "no answer within the time",
        "NameResolutionError": "the name does not resolve",
        "SSLError": "its certificate is not trusted",
        "ProtocolError": "the connection was cut",
        "TimeoutError": "no answer within the time",
    }
    return words.get(type(reason).__name__, type(reason).__name__)
