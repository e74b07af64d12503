"""An artifact store on one of the real servers, as a worker would have it."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import Callable
from pathlib import Path

from activities.adapters.artifact_store import ArtifactStore
from activities.adapters.breaker import Breaker
from activities.adapters.delivering import Delivering
from activities.adapters.object_client import ObjectStoreAddress
from activities.adapters.object_store import ObjectStore
from tests.stores.servers import StoreServer
from workflows.models.artifact import ArtifactState, RunArtifact

RUN = "0190a1b2-run"


def fresh_bucket() -> str:
    """A bucket that no other test uses."""
    return f"evidence-{uuid.uuid4().hex[:12]}"


def address_of(server: StoreServer, bucket: str, endpoint: str | None = None) -> ObjectStoreAddress:
    """The server's address and login, or another address for the same server (a proxy's)."""
    return ObjectStoreAddress(endpoint or server.endpoint, bucket, server.access_key, server.secret_key)


def evidence_store(
    address: ObjectStoreAddress, root: Path, *, patience: float = 60.0, refresh_seconds: float = 0.2
) -> ArtifactStore:
    """Spool and bucket; growing logs are shown more often than in production, so that tests are short."""
    depot = ObjectStore(address, patience=patience, breaker=Breaker(pause_seconds=0.5))
    return ArtifactStore(root / "spool", depot, refresh_seconds=refresh_seconds)


def object_of(store: ArtifactStore) -> ObjectStore:
    """The bucket behind a store."""
    assert isinstance(store.depot, ObjectStore)
    return store.depot


def contents(server: StoreServer, bucket: str) -> dict[str, set[str]]:
    """Object name -> the different contents that its versions have, by the server's own checksum."""
    found: dict[str, set[str]] = {}
    for one in server.client().list_objects(bucket, recursive=True, include_version=True):
        found.setdefault(str(one.object_name), set()).add(str(one.etag))
    return found


def count_versions(server: StoreServer, bucket: str) -> dict[str, int]:
    """Object name -> how many versions the bucket has of it."""
    found: dict[str, int] = {}
    for one in server.client().list_objects(bucket, recursive=True, include_version=True):
        found[str(one.object_name)] = found.get(str(one.object_name), 0) + 1
    return found


async def a_run(store: ArtifactStore, during: Callable[[], None] = lambda: None) -> tuple[RunArtifact, ...]:
    """What the steps of a run leave: a plan, a build log that grows, a report, the manifest."""
    plan = await store.put(RUN, "plan.json", b"{}")
    writer = store.open(RUN, "build.log")
    writer.write(b"x" * 300_000)
    during()
    writer.write(b"y" * 300_000)
    log = await writer.close()
    report = await store.put(RUN, "report.json", b'{"fine": true}')
    manifest = await store.manifest(RUN, (plan, log, report))
    return plan, log, report, manifest


async def delivered(store: ArtifactStore) -> int:
    """Deliver until nothing waits, as the workflow does."""
    total = 0
    for _ in range(50):
        done = await Delivering(store).deliver()
        total += done.delivered
        if not done.waiting:
            return total
        await asyncio.sleep(0.1)
    raise AssertionError(f"never delivered: {done}")


async def assert_complete(
    store: ArtifactStore, server: StoreServer, made: tuple[RunArtifact, ...], *, late_copies: bool = False
) -> None:
    """Everything is in the bucket with its checksum, once, and nowhere else.

    Args:
        store: whose evidence it is.
        server: where it must be.
        made: what the run left.
        late_copies: an upload of a killed worker may still have been on its way: the same bytes again,
            as a further version, which S3 keeps beside the one that is read.
    """
    bucket = object_of(store).address.bucket
    for artifact in made:
        found = await store.existing(RUN, artifact.name)
        assert found is not None
        assert (found.state, found.sha256) == (ArtifactState.STORED, artifact.sha256)
        assert hashlib.sha256(await store.read(artifact)).hexdigest() == artifact.sha256
    names = {f"spec_workflows/{RUN}/{artifact.name}" for artifact in made}
    if late_copies:
        different = contents(server, bucket)
        assert {name: len(etags) for name, etags in different.items()} == dict.fromkeys(names, 1)
    else:
        assert count_versions(server, bucket) == dict.fromkeys(names, 1)
    assert store.waiting.size() == (0, 0)
    assert store.waiting.runs() == ()
