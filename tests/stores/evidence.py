"""An artifact store on one of the real servers, as a worker would have it."""

from __future__ import annotations

import uuid
from pathlib import Path

from activities.adapters.artifact_store import ArtifactStore
from activities.adapters.breaker import Breaker
from activities.adapters.object_client import ObjectStoreAddress
from activities.adapters.object_store import ObjectStore
from tests.stores.servers import StoreServer


def fresh_bucket() -> str:
    """A bucket that no other test uses."""
    return f"evidence-{uuid.uuid4().hex[:12]}"


def address_of(server: StoreServer, bucket: str, endpoint: str | None = None) -> ObjectStoreAddress:
    """The server's address and login, or another address for the same server (a proxy's)."""
    return ObjectStoreAddress(endpoint or server.endpoint, bucket, server.access_key, server.secret_key)


def evidence_store(
    address: ObjectStoreAddress, root: Path, *, patience: float = 10.0, refresh_seconds: float = 0.2
) -> ArtifactStore:
    """Spool and bucket; growing logs are shown more often than in production, so that tests are short."""
    depot = ObjectStore(address, patience=patience, breaker=Breaker(pause_seconds=0.5))
    return ArtifactStore(root / "spool", depot, refresh_seconds=refresh_seconds)


def object_of(store: ArtifactStore) -> ObjectStore:
    """The bucket behind a store."""
    assert isinstance(store.depot, ObjectStore)
    return store.depot
