"""Build output is readable in the store while Docker builds (SPEC FR-005, I6)."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from minio.error import S3Error

from tests.integration.repair_stack import DOCKERFILE, HostFactory
from tests.stores.evidence import address_of, evidence_store, fresh_bucket
from tests.stores.servers import StoreServer
from workflows.models.artifact import ArtifactState


async def test_build_is_followed_in_the_store(
    host: HostFactory, store_server: StoreServer, tmp_path: Path
) -> None:
    """Whoever has only the store reads along; a build that is cancelled leaves its whole log there."""
    bucket, client = fresh_bucket(), store_server.client()
    on = host(Dockerfile=DOCKERFILE.replace("RUN echo", "RUN echo early-words && sleep 47.13 && echo"))
    store = evidence_store(address_of(store_server, bucket), tmp_path)
    on._build = replace(on._build, artifacts=store)
    await on.open_journal()
    build = asyncio.create_task(on.build("requirements.txt"))
    key, seen = f"spec_workflows/{on.run_id}/build.log", b""
    for _ in range(300):
        with suppress(S3Error):
            seen = (await asyncio.to_thread(client.get_object, bucket, key)).read()
        if b"early-words" in seen or build.done():
            break
        await asyncio.sleep(0.1)
    assert not build.done()
    assert b"early-words" in seen
    assert await asyncio.to_thread(store.depot.find, on.run_id, "build.log") is None  # not whole yet
    build.cancel()
    with pytest.raises(asyncio.CancelledError):
        await build
    stored = await store.existing(on.run_id, "build.log")
    assert stored is not None
    assert stored.state is ArtifactState.STORED
    assert (await store.read(stored)).startswith(seen)
