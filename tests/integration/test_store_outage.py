"""The store is away, slow, full, or refuses: the step goes on, nothing is lost or doubled (I6)."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from minio.error import S3Error

from activities.adapters.artifact_store import ArtifactStore
from activities.adapters.delivering import Delivering
from activities.adapters.object_client import ObjectStoreAddress
from tests.stores.evidence import (
    RUN,
    a_run,
    address_of,
    assert_complete,
    delivered,
    evidence_store,
    fresh_bucket,
    object_of,
)
from tests.stores.fixtures import minio_binary
from tests.stores.proxy import Fault, Proxy, proxied
from tests.stores.servers import LIMITED_BUCKET, StoreServer, running, weed_binary
from workflows.errors import OrchestratorError
from workflows.models.artifact import ArtifactState

STORED, SPOOLED = ArtifactState.STORED, ArtifactState.SPOOLED


@pytest.fixture
def proxy(store_server: StoreServer) -> Iterator[Proxy]:
    """A network in front of each kind of server."""
    with proxied(store_server.endpoint) as made:
        yield made


@pytest.fixture
def address(store_server: StoreServer, proxy: Proxy) -> ObjectStoreAddress:
    """A bucket behind the proxy."""
    return address_of(store_server, fresh_bucket(), proxy.endpoint)


@pytest.fixture
def store(address: ObjectStoreAddress, tmp_path: Path) -> ArtifactStore:
    """A store that is waited for long enough, on any machine."""
    return evidence_store(address, tmp_path, patience=30.0)


@pytest.fixture
def hasty(address: ObjectStoreAddress, tmp_path: Path) -> ArtifactStore:
    """A store that is waited for one second."""
    return evidence_store(address, tmp_path, patience=1.0)


@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.HANG, Fault.CUT])
async def test_store_away_from_the_start(
    address: ObjectStoreAddress, tmp_path: Path, store_server: StoreServer, proxy: Proxy, fault: Fault
) -> None:
    """A whole run without a store: all is spooled, the run waited once, the delivery brings it all over."""
    store = evidence_store(address, tmp_path, patience=5.0)
    breaker = object_of(store).breaker
    breaker.pause_seconds = 600
    proxy.cut_after = 0
    proxy.set(fault)
    began = time.monotonic()
    made = await a_run(store)
    assert {a.state for a in made} == {SPOOLED}
    assert time.monotonic() - began < 3 * (store.depot.patience or 0)  # not once per artifact
    assert all(a.uri.startswith("file://") for a in made)
    proxy.set(Fault.NONE)
    breaker.pause_seconds = 0
    breaker.failed()  # the long pause is over
    await delivered(store)
    await assert_complete(store, store_server, made)


async def test_store_goes_in_the_middle(
    store: ArtifactStore, store_server: StoreServer, proxy: Proxy
) -> None:
    """The plan is stored, the rest spooled; the manifest comes last and says: complete."""
    made = await a_run(store, during=lambda: proxy.set(Fault.REFUSE))
    assert [a.state for a in made] == [STORED, SPOOLED, SPOOLED, SPOOLED]
    proxy.set(Fault.NONE)
    await delivered(store)
    await assert_complete(store, store_server, made)


async def test_store_cut_in_the_middle_of_a_body(
    store: ArtifactStore, store_server: StoreServer, proxy: Proxy
) -> None:
    """Half an upload is no object; the log arrives whole, later."""

    def cut() -> None:
        proxy.cut_after = 200_000
        proxy.set(Fault.CUT)

    made = await a_run(store, during=cut)
    assert made[1].state is SPOOLED
    proxy.set(Fault.NONE)
    await delivered(store)
    await assert_complete(store, store_server, made)


async def test_slow_store_is_not_waited_for(
    hasty: ArtifactStore, store: ArtifactStore, store_server: StoreServer, proxy: Proxy
) -> None:
    """The step gives up after its patience; whatever still arrives later is there once."""
    made = await a_run(hasty, during=lambda: proxy.set(Fault.SLOW))
    assert made[1].state is SPOOLED
    proxy.set(Fault.NONE)
    await delivered(store)
    await assert_complete(store, store_server, made)


async def test_step_is_never_slowed_by_live_updates(
    address: ObjectStoreAddress, tmp_path: Path, proxy: Proxy
) -> None:
    """A store that hangs while the log grows costs the writing nothing."""
    store = evidence_store(address, tmp_path, patience=8.0)
    writer = store.open(RUN, "build.log")
    writer.write(b"first\n")
    proxy.set(Fault.HANG)
    await asyncio.sleep(0.5)  # live updates hang by now
    slowest = 0.0
    for _ in range(200):
        began = time.perf_counter()
        writer.write(b"line\n" * 100)
        slowest = max(slowest, time.perf_counter() - began)
    assert slowest < (store.depot.patience or 0) / 2
    assert (await writer.close()).state is SPOOLED


async def test_manifest_waits_for_what_it_lists(store: ArtifactStore, proxy: Proxy) -> None:
    """A manifest in the store means a complete bundle: it never comes before the others."""
    proxy.set(Fault.REFUSE)
    plan = await store.put(RUN, "plan.json", b"{}")
    proxy.set(Fault.NONE)
    await asyncio.sleep(0.6)  # the breaker's pause
    manifest = await store.manifest(RUN, (plan,))
    assert manifest.state is SPOOLED
    states = {a.name: a.state for a in await store.deliver(RUN)}
    assert states == {"plan.json": STORED, "manifest.json": STORED}
    document = json.loads(await store.read(manifest))
    assert document["artifacts"][0]["sha256"] == plan.sha256


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"secret_key": "not the secret at all"}, "store_credentials"),
        ({"access_key": "nobody"}, "store_credentials"),
        ({"bucket": "no"}, "store_refused"),
        ({"endpoint": "127.0.0.1:1"}, "store_unreachable"),
        ({"endpoint": "no-such-host.invalid:9000"}, "store_unreachable"),
    ],
)
async def test_what_is_wrong_is_named(
    address: ObjectStoreAddress, tmp_path: Path, wrong: dict[str, str], code: str
) -> None:
    """Preflight, doctor and the delivery say which setting to correct, and never the secret."""
    store = evidence_store(replace(address, **wrong), tmp_path)  # type: ignore[arg-type]
    assert (await store.put(RUN, "plan.json", b"{}")).state is SPOOLED
    with pytest.raises(OrchestratorError) as caught:
        await store.check()
    assert caught.value.code == code
    assert address.secret_key not in caught.value.message
    waits = await Delivering(store, idle_seconds=-1).deliver()
    assert (waits.delivered, waits.waiting) == (0, 1)
    assert waits.problem


async def test_login_that_may_only_store(seaweed_server: StoreServer, tmp_path: Path) -> None:
    """It stores where the bucket is there; where it may not make one, that is said."""
    address = replace(
        address_of(seaweed_server, LIMITED_BUCKET), access_key=f"{seaweed_server.access_key}-limited"
    )
    seaweed_server.client().make_bucket(LIMITED_BUCKET)
    store = evidence_store(address, tmp_path / "may")
    assert (await store.put(RUN, "plan.json", b"{}")).state is STORED
    elsewhere = evidence_store(replace(address, bucket=fresh_bucket()), tmp_path / "may-not")
    assert (await elsewhere.put(RUN, "plan.json", b"{}")).state is SPOOLED
    with pytest.raises(OrchestratorError) as caught:
        await elsewhere.check()
    assert caught.value.code in {"store_bucket", "store_credentials"}


async def test_clock_that_is_wrong_is_named(store: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that wakes up in another hour: said so, and not that the login is wrong."""
    assert (await store.put(RUN, "plan.json", b"{}")).state is STORED
    monkeypatch.setattr("minio.time.utcnow", lambda: datetime.now(UTC) - timedelta(hours=1))
    assert (await store.put(RUN, "verify.log", b"fine")).state is SPOOLED
    waits = await Delivering(store, idle_seconds=-1).deliver()
    assert "clock" in waits.problem
    with pytest.raises(OrchestratorError, match="store_clock_skew"):
        await store.check()
    monkeypatch.undo()
    assert await delivered(store) == 0  # nothing is ready: the run goes on
    assert (await Delivering(store, idle_seconds=-1).deliver()).delivered == 1


async def test_store_that_is_fine_is_named_too(address: ObjectStoreAddress, tmp_path: Path) -> None:
    """The check leaves nothing behind."""
    store = evidence_store(address, tmp_path)
    assert address.bucket in await store.check()
    client = object_of(store).patient
    assert list(client.list_objects(address.bucket, recursive=True, include_version=True)) == []


async def test_bucket_removed_in_mid_run_is_made_again(
    store: ArtifactStore, store_server: StoreServer, address: ObjectStoreAddress
) -> None:
    """Somebody empties and removes the bucket: what comes after is kept all the same."""
    first = await store.put(RUN, "plan.json", b"{}")
    client = store_server.client()
    for one in client.list_objects(address.bucket, recursive=True, include_version=True):
        client.remove_object(address.bucket, str(one.object_name), one.version_id)
    client.remove_bucket(address.bucket)
    second = await store.put(RUN, "verify.log", b"fine\n")
    assert (first.state, second.state) == (STORED, STORED)
    assert client.get_bucket_versioning(address.bucket).status == "Enabled"
    with pytest.raises(OrchestratorError, match="artifact_unreadable"):
        await store.read(first)


async def test_running_logs_are_left_alone(store: ArtifactStore, proxy: Proxy) -> None:
    """The delivery takes neither a growing log nor anything of a run that has not ended."""
    proxy.set(Fault.REFUSE)
    await store.put(RUN, "plan.json", b"{}")
    writer = store.open("another-run", "build.log")
    writer.write(b"step 1\n")
    proxy.set(Fault.NONE)
    assert not Delivering(store).anything()
    assert (await Delivering(store).deliver()).delivered == 0
    impatient = Delivering(store, idle_seconds=-1)  # nothing was written for an hour
    assert impatient.anything()
    assert (await impatient.deliver()).delivered == 1  # the plan; the log is still locked
    assert [path.name for path in store.waiting.files("another-run")] == ["build.log"]
    await asyncio.sleep(0.6)
    assert (await writer.close()).state is STORED


def _killed_in_mid_upload(address: ObjectStoreAddress, root: str) -> None:
    """What a worker does until somebody kills it: deliver."""
    store = evidence_store(address, Path(root))
    asyncio.run(Delivering(store).deliver())


async def test_worker_killed_in_mid_delivery(
    store: ArtifactStore, store_server: StoreServer, proxy: Proxy, address: ObjectStoreAddress, tmp_path: Path
) -> None:
    """Killed while it uploads, again and again: the next one brings everything over, once."""
    proxy.set(Fault.REFUSE)
    made = await a_run(store)
    proxy.bytes_per_second = 400_000
    proxy.set(Fault.SLOW)
    spawn = multiprocessing.get_context("spawn")
    for seconds in (1.2, 1.6):
        worker = spawn.Process(target=_killed_in_mid_upload, args=(address, str(tmp_path)))
        worker.start()
        await asyncio.sleep(seconds)
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        await asyncio.to_thread(worker.join)
    proxy.set(Fault.NONE)
    await asyncio.sleep(0.5)  # what the proxy still held of the killed ones has passed, as in a network
    await delivered(store)
    await assert_complete(store, store_server, made, late_copies=True)


@pytest.fixture
def own_minio(tmp_path: Path) -> Iterator[StoreServer]:
    """A MinIO of one's own, to be killed."""
    with running("minio", minio_binary(), tmp_path / "minio") as server:
        yield server


@pytest.mark.timeout(2100)
async def test_server_killed_in_mid_upload_and_back(own_minio: StoreServer, tmp_path: Path) -> None:
    """MinIO dies with half a log in its hands and comes back: nothing is lost, nothing doubled."""
    with proxied(own_minio.endpoint) as proxy:
        address = address_of(own_minio, fresh_bucket(), proxy.endpoint)
        store = evidence_store(address, tmp_path, patience=3.0)

        def slow_then_dead() -> None:
            proxy.set(Fault.SLOW)
            asyncio.get_running_loop().call_later(1.0, own_minio.kill)

        made = await a_run(store, during=slow_then_dead)
        assert made[1].state is SPOOLED
        proxy.set(Fault.NONE)
        assert (await Delivering(store).deliver()).waiting > 0
        await asyncio.to_thread(own_minio.start)
        await delivered(store)
        await assert_complete(store, own_minio, made)


async def test_full_store_keeps_evidence_waiting(tmp_path: Path) -> None:
    """A server that has no room refuses; it is said, and nothing leaves the spool."""
    with running("seaweedfs", weed_binary(), tmp_path / "small", volumes=1) as small:
        for number in range(2):  # each bucket wants files of its own
            full = evidence_store(address_of(small, fresh_bucket()), tmp_path / str(number))
            made = await a_run(full)
        assert {a.state for a in made} == {SPOOLED}
        done = await Delivering(full).deliver()
        assert (done.delivered, done.waiting) == (0, len(made))
        assert "store" in done.problem
        assert full.waiting.size()[0] == len(made)


@pytest.mark.parametrize("said", ["XMinioStorageFull", "QuotaExceeded", "XMinioAdminBucketQuotaExceeded"])
def test_full_has_a_name_of_its_own(said: str) -> None:
    """What MinIO and others say when there is no room leads to the remedy "free space"."""
    address = ObjectStoreAddress("127.0.0.1:1", "evidence", "a", "b")
    empty: Any = None
    error = S3Error(empty, said, "", "", "", "")
    assert address.problem(error).code == "store_full"
