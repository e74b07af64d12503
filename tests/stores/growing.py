"""A worker that writes a big log, in a process of its own, so that its memory can be measured."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Final

from activities.adapters.object_client import ObjectStoreAddress
from tests.stores.evidence import evidence_store

_PIECE: Final = 64 << 10
_PIECES: Final = 64


def peak_bytes() -> int:
    """The most memory this process ever had in use."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


async def write(mebibytes: int, seconds: float, address: ObjectStoreAddress, root: Path) -> dict[str, object]:
    """Write a log of this size in this time, at an even pace, and close it."""
    store = evidence_store(address, root, patience=600.0, refresh_seconds=1.0)
    await store.put("first", "plan.json", b"{}")  # client, TLS tables and threads are there before
    before, digest, slowest = peak_bytes(), hashlib.sha256(), 0.0
    pieces = [os.urandom(_PIECE) for _ in range(_PIECES)]
    writer, count, began = (
        store.open("big-run", "build.log"),
        mebibytes * (1 << 20) // _PIECE,
        time.monotonic(),
    )
    for number in range(count):
        piece = pieces[number % _PIECES]
        digest.update(piece)
        start = time.perf_counter()
        writer.write(piece)
        slowest = max(slowest, time.perf_counter() - start)
        await asyncio.sleep(max(0.0, began + seconds * number / count - time.monotonic()))
    artifact = await writer.close()
    return {
        "grown": peak_bytes() - before, "sha256": digest.hexdigest(), "recorded": artifact.sha256,
        "state": artifact.state.value, "slowest": slowest,
    }  # fmt: skip


def main() -> None:
    """``growing.py MEBIBYTES SECONDS ENDPOINT BUCKET ROOT``; the login comes by standard input."""
    mebibytes, seconds, endpoint, bucket, root = sys.argv[1:]
    login = json.load(sys.stdin)
    address = ObjectStoreAddress(endpoint, bucket, login["access_key"], login["secret_key"])
    print(json.dumps(asyncio.run(write(int(mebibytes), float(seconds), address, Path(root)))))  # noqa: T201


if __name__ == "__main__":
    main()
