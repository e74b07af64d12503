"""The artifact store of a worker: a bucket where one is configured, else the state directory."""

from datetime import timedelta
from urllib.parse import urlsplit

from activities.adapters.artifact_store import ArtifactStore
from activities.adapters.object_client import ObjectStoreAddress
from activities.adapters.object_store import ObjectStore
from activities.adapters.state_dir import StateDir
from worker.settings import WorkerSettings


def artifact_store(settings: WorkerSettings, state: StateDir) -> ArtifactStore:
    """Spool first in either case; nothing is asked yet, so a store that is away stops no start."""
    retention = timedelta(days=settings.retention_days)
    address = store_address(settings)
    if address is None:
        return ArtifactStore.in_state_dir(state, retention)
    return ArtifactStore(state.spool, ObjectStore(address, settings.retention_days), retention)


def store_address(settings: WorkerSettings) -> ObjectStoreAddress | None:
    """Where the bucket is; None where evidence stays on this machine."""
    if settings.s3_endpoint is None:
        return None
    endpoint, use_ssl = _place(settings.s3_endpoint, settings.s3_use_ssl)
    public = settings.artifact_public_endpoint
    public_endpoint, public_ssl = _place(public, use_ssl) if public is not None else (None, False)
    return ObjectStoreAddress(
        endpoint=endpoint,
        bucket=settings.s3_bucket,
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key.get_secret_value(),
        region=settings.s3_region,
        use_ssl=use_ssl,
        public_endpoint=public_endpoint,
        public_ssl=public_ssl,
    )


def _place(address: str, use_ssl: bool) -> tuple[str, bool]:
    """``host:port``, and whether TLS is spoken there: an address that says so wins over the setting."""
    if "://" not in address:
        return address.rstrip("/"), use_ssl
    parts = urlsplit(address)
    return parts.netloc, parts.scheme == "https"
