"""Evidence in a bucket of a real MinIO and of a real SeaweedFS server (SPEC FR-011, I6)."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import io
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from minio.commonconfig import ENABLED, Filter
from minio.error import S3Error
from minio.lifecycleconfig import Expiration, LifecycleConfig, Rule

from activities.adapters.artifact_store import ArtifactStore
from activities.adapters.object_client import ObjectStoreAddress
from tests.stores.evidence import address_of, evidence_store, fresh_bucket, object_of
from tests.stores.servers import StoreServer
from workflows.errors import OrchestratorError
from workflows.models.artifact import ArtifactState

RUN = "0190a1b2-run"


@pytest.fixture
def bucket() -> str:
    """A bucket that nobody made yet."""
    return fresh_bucket()


@pytest.fixture
def store(store_server: StoreServer, bucket: str, tmp_path: Path) -> ArtifactStore:
    """A worker's store on each kind of server."""
    return evidence_store(address_of(store_server, bucket), tmp_path)


def versions(server: StoreServer, bucket: str, key: str) -> list[str]:
    """Version ids of one object, newest first, markers included."""
    listed = server.client().list_objects(bucket, prefix=key, include_version=True, recursive=True)
    return [str(one.version_id) for one in listed if one.object_name == key]


async def browse(link: str) -> httpx.Response:
    """Open a link as a browser would, without any login."""
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(link)


async def until(true: Callable[[], bool], what: str) -> None:
    """Wait (bounded) for something that another thread does."""
    for _ in range(400):
        with suppress(S3Error):  # not even the bucket is there yet
            if await asyncio.to_thread(true):
                return
        await asyncio.sleep(0.05)
    raise AssertionError(f"never: {what}")


async def test_evidence_arrives_with_checksum_and_type(
    store: ArtifactStore, store_server: StoreServer, bucket: str
) -> None:
    """Address, checksum, content type and retention are the object's own; the spool is empty again."""
    artifact = await store.put(RUN, "plan.json", b"{}\n")
    key = f"spec_workflows/{RUN}/plan.json"
    assert (artifact.state, artifact.uri) == (ArtifactState.STORED, f"s3://{bucket}/{key}")
    found = store_server.client().stat_object(bucket, key)
    assert found.metadata["x-amz-meta-sha256"] == hashlib.sha256(b"{}\n").hexdigest() == artifact.sha256
    assert found.content_type == "application/json"
    assert found.metadata["x-amz-meta-retain-until"] == artifact.retain_until.isoformat()
    assert store.waiting.size() == (0, 0)
    assert await store.read(artifact) == b"{}\n"
    assert await store.last_bytes(RUN, "plan.json", 2) == b"}\n"
    assert await store.names(RUN) == ("plan.json",)


async def test_same_bytes_twice_are_one_version(
    store: ArtifactStore, store_server: StoreServer, bucket: str
) -> None:
    """A retried step doubles nothing; other bytes are a new version, and the old one stays (I6)."""
    await store.put(RUN, "plan.json", b"one")
    await store.put(RUN, "plan.json", b"one")
    key = f"spec_workflows/{RUN}/plan.json"
    assert len(versions(store_server, bucket, key)) == 1
    await store.put(RUN, "plan.json", b"two")
    assert len(versions(store_server, bucket, key)) == 2
    found = await store.existing(RUN, "plan.json")
    assert found is not None
    assert (found.state, found.sha256) == (ArtifactState.STORED, hashlib.sha256(b"two").hexdigest())


async def test_altered_object_is_not_handed_out(
    store: ArtifactStore, store_server: StoreServer, bucket: str
) -> None:
    """Bytes that do not match the record are no evidence."""
    artifact = await store.put(RUN, "plan.json", b"{}")
    key = f"spec_workflows/{RUN}/plan.json"
    store_server.client().put_object(bucket, key, io.BytesIO(b"[]"), 2, metadata={"sha256": artifact.sha256})
    with pytest.raises(OrchestratorError, match="artifact_unreadable"):
        await store.read(artifact)


async def test_growing_log_is_seen_and_leaves_one_version(
    store: ArtifactStore, store_server: StoreServer, bucket: str
) -> None:
    """While it grows others read it in the store; afterwards only the whole one is there (SPEC FR-005)."""
    key, client = f"spec_workflows/{RUN}/build.log", store_server.client()
    writer = store.open(RUN, "build.log")
    whole = b""
    for number in range(3):
        line = f"step {number}\n".encode()
        writer.write(line)
        whole += line
        seen = whole

        def shown(wanted: bytes = seen) -> bool:
            listed = [one.object_name for one in client.list_objects(bucket, prefix=key)]
            return bool(listed) and client.get_object(bucket, key).read() == wanted

        await until(shown, f"{whole!r} in the store")
    assert await store.existing(RUN, "build.log") is not None
    assert object_of(store).find(RUN, "build.log") is None  # a beginning is not the artifact
    artifact = await writer.close()
    assert artifact.state is ArtifactState.STORED
    assert await store.read(artifact) == whole
    assert len(versions(store_server, bucket, key)) == 1


async def test_big_growing_log_sends_only_what_is_new(
    store: ArtifactStore, store_server: StoreServer, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From 5 MiB on the store itself puts the object together: an update does not send it all again."""
    key, client = f"spec_workflows/{RUN}/build.log", store_server.client()
    sent: list[int] = []
    real = type(object_of(store)._quick).put_object

    def counted(self: Any, bucket_name: str, name: str, data: Any, length: int, **rest: Any) -> object:
        sent.append(length)
        return real(self, bucket_name, name, data, length, **rest)

    monkeypatch.setattr(type(object_of(store)._quick), "put_object", counted)
    writer, digest, size = store.open(RUN, "build.log"), hashlib.sha256(), 0
    for number in range(6):
        piece = bytes([65 + number]) * (3 << 20)
        writer.write(piece)
        digest.update(piece)
        size += len(piece)
        wanted = size

        def shown(wanted: int = wanted) -> bool:
            listed = list(client.list_objects(bucket, prefix=key))
            return bool(listed) and listed[0].size == wanted

        await until(shown, f"{size} bytes in the store")
    assert str(client.stat_object(bucket, key).content_type).startswith("text/plain")
    live = sum(sent)
    assert live < 2 * size, f"{live} bytes sent for {size}"
    assert hashlib.sha256(client.get_object(bucket, key).read()).hexdigest() == digest.hexdigest()
    artifact = await writer.close()
    assert (artifact.state, artifact.sha256) == (ArtifactState.STORED, digest.hexdigest())
    assert hashlib.sha256(client.get_object(bucket, key).read()).hexdigest() == digest.hexdigest()
    assert len(versions(store_server, bucket, key)) == 1
    rest = client.list_objects(bucket, prefix="spec_workflows_growing/", recursive=True, include_version=True)
    assert [one.object_name for one in rest] == []


async def test_only_what_people_open_has_a_link_and_it_opens(store: ArtifactStore) -> None:
    """A browser without a login reads the report; links do not fill the history."""
    report = await store.put(RUN, "report.html", b"<p>fine</p>")
    log = await store.put(RUN, "build.2.log", b"built")
    plan = await store.put(RUN, "plan.json", b"{}")
    assert plan.link == ""
    assert log.link
    answer = await browse(report.link)
    assert (answer.status_code, answer.text) == (200, "<p>fine</p>")
    assert answer.headers["content-type"].startswith("text/html")
    assert len(report.link) < 500
    assert object_of(store).address.secret_key not in report.link


async def test_link_for_another_address_is_signed_for_it(store_server: StoreServer, tmp_path: Path) -> None:
    """Browsers may reach the store under another name than the worker; the signature covers the host."""
    port = store_server.endpoint.rpartition(":")[2]
    address = ObjectStoreAddress(
        store_server.endpoint, fresh_bucket(), store_server.access_key, store_server.secret_key,
        public_endpoint=f"localhost:{port}",
    )  # fmt: skip
    report = await evidence_store(address, tmp_path).put(RUN, "report.html", b"<p>fine</p>")
    assert urlsplit(report.link).hostname == "localhost"
    assert (await browse(report.link)).status_code == 200
    moved = report.link.replace("localhost", "127.0.0.1")
    assert (await browse(moved)).status_code == 403


async def test_bucket_keeps_versions_and_ends_what_is_old(
    store: ArtifactStore, store_server: StoreServer, bucket: str
) -> None:
    """Versioning is on and our retention rule is there; somebody else's rule stays as it is."""
    client = store_server.client()
    client.make_bucket(bucket)
    theirs = Rule(
        ENABLED, rule_filter=Filter(prefix="theirs/"), rule_id="theirs", expiration=Expiration(days=3)
    )
    client.set_bucket_lifecycle(bucket, LifecycleConfig([theirs]))
    for days in (90, 30):  # and again with another retention
        fresh = evidence_store(address_of(store_server, bucket), store.spool / str(days))
        object_of(fresh).retention_days = days
        assert (await fresh.put(RUN, "plan.json", b"{}")).state is ArtifactState.STORED
        assert object_of(fresh).bucket.notes == ()
        found = client.get_bucket_lifecycle(bucket)
        assert found is not None
        rules = {rule.rule_id: rule for rule in found.rules}
        assert set(rules) == {"theirs", "mm-orchestrator-evidence", "mm-orchestrator-growing"}
        assert rules["theirs"].expiration == Expiration(days=3)
        ours = rules["mm-orchestrator-evidence"]
        assert ours.expiration is not None
        assert ours.expiration.days == days
        assert ours.noncurrent_version_expiration is not None
        assert ours.noncurrent_version_expiration.noncurrent_days == days
    assert client.get_bucket_versioning(bucket).status == ENABLED


async def test_retention_is_in_the_record(store: ArtifactStore) -> None:
    """What the bucket's rule does is what the record says."""
    artifact = await store.put(RUN, "plan.json", b"{}")
    assert artifact.retain_until - artifact.created_at == timedelta(days=90)


async def test_spool_that_takes_nothing_is_passed_by(store: ArtifactStore, tmp_path: Path) -> None:
    """A full or read-only state directory: evidence goes straight to the store."""
    (tmp_path / "spool").write_bytes(b"")  # nothing can be made below a file
    artifact = await store.put(RUN, "plan.json", b"{}")
    writer = store.open(RUN, "build.log")
    writer.write(b"built\n")
    log = await writer.close()
    assert {artifact.state, log.state} == {ArtifactState.STORED}
    assert (await store.read(artifact), await store.read(log)) == (b"{}", b"built\n")


async def test_next_worker_goes_on_in_a_log_that_a_killed_one_was_showing(
    store_server: StoreServer, bucket: str, tmp_path: Path
) -> None:
    """What was shown of the first attempt is replaced by the whole log, and nothing is left beside it."""
    key, client = f"spec_workflows/{RUN}/build.log", store_server.client()
    killed = evidence_store(address_of(store_server, bucket), tmp_path)
    first = killed.open(RUN, "build.log")
    first.write(b"the first attempt\n")
    await until(lambda: client.stat_object(bucket, key).size == 18, "shown")
    del first  # as a kill: never closed, its lock gone
    gc.collect()
    store = evidence_store(address_of(store_server, bucket), tmp_path)
    earlier = await store.existing(RUN, "build.log")
    assert earlier is not None
    assert earlier.state is ArtifactState.SPOOLED
    told = await store.read(earlier)
    second = store.open(RUN, "build.log")
    second.write(told + b"the second\n")
    done = await second.close()
    assert done.state is ArtifactState.STORED
    assert client.get_object(bucket, key).read() == b"the first attempt\nthe second\n"
    assert len(versions(store_server, bucket, key)) == 1
