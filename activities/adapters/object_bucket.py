"""Makes the bucket what evidence needs: there, versioned, with an end to what is kept (SPEC FR-011).

Nothing of it is needed to store: a login that may only put objects works in a bucket that is there.
"""

import base64
import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from xml.etree import ElementTree as ET

from minio import Minio
from minio.commonconfig import ENABLED, Filter
from minio.error import MinioException, S3Error
from minio.lifecycleconfig import (
    AbortIncompleteMultipartUpload,
    Expiration,
    NoncurrentVersionExpiration,
    Rule,
)
from minio.versioningconfig import VersioningConfig

from activities.adapters.object_client import is_code
from workflows.models.artifact import ARTIFACT_NAMESPACE

GROWING: Final = f"{ARTIFACT_NAMESPACE}_growing"
"""Key prefix of what lives for seconds: pieces of growing logs, and probes."""
_PASSING: Final = ("RequestTimeTooSkewed", "SignatureDoesNotMatch", "InvalidAccessKeyId", "NoSuchBucket")
"""Says nothing of what the bucket can: to be tried again."""
_OURS: Final = "mm-orchestrator-"
_LIFECYCLE: Final[dict[str, str | list[str] | tuple[str]]] = {"lifecycle": ""}
_SPACE: Final = "{http://s3.amazonaws.com/doc/2006-03-01/}"


@dataclass
class Bucket:
    """Prepares one bucket, once per process, and again when it turns out to be gone."""

    name: str
    region: str
    retention_days: int
    notes: tuple[str, ...] = ()
    """What could not be arranged, for doctor and log."""
    _ready: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ready(self, client: Minio) -> None:
        """Make it where it is missing.

        Raises:
            S3Error: it is not there and cannot be made.
        """
        with self._lock:
            if self._ready:
                return
            self._make(client)
            self.notes = tuple(
                f"{what} could not be set ({problem})"
                for what, act in (("versioning", self._keep_versions), ("retention", self._expire))
                if (problem := _tried(act, client))
            )
            self._ready = True

    def gone(self) -> None:
        """Somebody removed it: the next use makes it anew."""
        with self._lock:
            self._ready = False

    def _make(self, client: Minio) -> None:
        try:
            if client.bucket_exists(self.name):
                return
        except S3Error as error:
            if is_code(error, "AccessDenied"):
                return  # it may not look; putting tells
            raise
        try:
            client.make_bucket(self.name, self.region)
        except S3Error as error:
            if not is_code(error, "BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                raise S3Error(
                    response=error.response, code="NoSuchBucket", message=error.message,
                    resource=None, request_id=None, host_id=None, bucket_name=self.name,
                ) from error  # fmt: skip

    def _keep_versions(self, client: Minio) -> None:
        if client.get_bucket_versioning(self.name).status != ENABLED:
            client.set_bucket_versioning(self.name, VersioningConfig(ENABLED))

    def _expire(self, client: Minio) -> None:
        """Our own rules by their ids; whatever else is there stays to the letter, known or not."""
        rules = _own_rules(self.retention_days)
        found = _current(client, self.name)
        kept = [rule for rule in found if not (rule.findtext(f"{_SPACE}ID") or "").startswith(_OURS)]
        ours = [rule for rule in found if (rule.findtext(f"{_SPACE}ID") or "").startswith(_OURS)]
        if {_meaning(rule) for rule in ours} == {_meaning(rule) for rule in rules}:
            return
        root = ET.Element(f"{_SPACE}LifecycleConfiguration")
        root.extend([*kept, *rules])
        ET.register_namespace("", _SPACE[1:-1])
        body = ET.tostring(root)
        md5 = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        client._execute("PUT", self.name, body=body, headers={"Content-MD5": md5}, query_params=_LIFECYCLE)


def _tried(act: Callable[[Minio], None], client: Minio) -> str:
    try:
        act(client)
    except S3Error as error:
        if is_code(error, *_PASSING):
            raise
        return error.code or "refused"
    except (MinioException, ValueError):
        return "not understood"
    return ""


def _own_rules(days: int) -> list[ET.Element]:
    whole, brief = Filter(prefix=f"{ARTIFACT_NAMESPACE}/"), Filter(prefix=f"{GROWING}/")
    rules = [
        Rule(
            ENABLED,
            rule_filter=whole,
            rule_id=f"{_OURS}evidence",
            expiration=Expiration(days=days),
            noncurrent_version_expiration=NoncurrentVersionExpiration(days),
            abort_incomplete_multipart_upload=AbortIncompleteMultipartUpload(1),
        ),
        Rule(
            ENABLED,
            rule_filter=brief,
            rule_id=f"{_OURS}growing",
            expiration=Expiration(days=1),
            noncurrent_version_expiration=NoncurrentVersionExpiration(1),
            abort_incomplete_multipart_upload=AbortIncompleteMultipartUpload(1),
        ),
    ]
    elements = [rule.toxml(ET.Element("LifecycleConfiguration")) for rule in rules]
    for element in elements:
        for part in element.iter():
            part.tag = _SPACE + part.tag.removeprefix(_SPACE)
    return elements


def _current(client: Minio, bucket: str) -> list[ET.Element]:
    """The rules as they are: through the client's models what they do not know would be lost."""
    try:
        answer = client._execute("GET", bucket, query_params=_LIFECYCLE)
    except S3Error as error:
        if is_code(error, "NoSuchLifecycleConfiguration"):
            return []
        raise
    root = ET.fromstring(answer.data)  # noqa: S314 - the operator's own store
    for element in root.iter():
        element.tag = _SPACE + element.tag.rpartition("}")[2]
    return list(root)


def _meaning(rule: ET.Element) -> str:
    """Id, prefix and numbers of a rule, whatever else a server adds to it."""
    words = [f"{part.tag.rpartition('}')[2]}={(part.text or '').strip()}" for part in rule.iter()]
    return ",".join(sorted(w for w in words if w.startswith(("ID", "Prefix", "Days", "NoncurrentDays"))))
