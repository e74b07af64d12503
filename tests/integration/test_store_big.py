"""A big log that grows: memory stays small, others read along, the end is whole (SPEC FR-005, FR-011).

64 MiB in the suite; ``make stores-big`` says MM_ORCHESTRATOR_TEST_BIG_MIB=1024.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from minio.error import S3Error

from tests.stores.evidence import fresh_bucket
from tests.stores.servers import StoreServer

ROOT = Path(__file__).parents[2]
MEBIBYTES = int(os.environ.get("MM_ORCHESTRATOR_TEST_BIG_MIB", "64"))
SECONDS = max(4.0, MEBIBYTES / 16)
GROWTH = 64 << 20


def size_of(server: StoreServer, bucket: str, key: str) -> int:
    """How much of the object there is; 0 before there is any."""
    try:
        return server.client().stat_object(bucket, key).size or 0
    except S3Error:
        return 0


@pytest.mark.timeout(2100)
def test_memory_does_not_grow_with_the_log(store_server: StoreServer, tmp_path: Path) -> None:
    """Less than 64 MiB more than a worker that stored one small artifact, whatever the log's size."""
    bucket, key = fresh_bucket(), "spec_workflows/big-run/build.log"
    arguments = [str(MEBIBYTES), str(SECONDS), store_server.endpoint, bucket, str(tmp_path)]
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.stores.growing", *arguments],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert worker.stdin is not None
    login = {"access_key": store_server.access_key, "secret_key": store_server.secret_key}
    worker.stdin.write(json.dumps(login))
    worker.stdin.close()
    worker.stdin = None
    seen: list[int] = []
    while worker.poll() is None:
        seen.append(size_of(store_server, bucket, key))
        time.sleep(0.2)
    said = json.loads(worker.communicate(timeout=60)[0])
    assert (said["state"], said["recorded"]) == ("stored", said["sha256"])
    digest, answer = hashlib.sha256(), store_server.client().get_object(bucket, key)
    for piece in answer.stream(1 << 20):
        digest.update(piece)
    assert digest.hexdigest() == said["sha256"]
    assert size_of(store_server, bucket, key) == MEBIBYTES << 20
    assert any(0 < size < MEBIBYTES << 20 for size in seen), "others read along"
    assert sorted(seen) == seen, "what is there never gets less"
    assert said["grown"] < GROWTH, f"{said['grown'] >> 20} MiB for a log of {MEBIBYTES} MiB"
    listed = store_server.client().list_objects(bucket, prefix=key, include_version=True)
    assert len(list(listed)) == 1
