"""Evidence of a real repair in an S3 store, and in the spool when that is away (User Story 2, FR-011, I6)."""

from __future__ import annotations

import asyncio
import hashlib
import time

import httpx
from minio import Minio

from tests.acceptance.operator import Operator
from tests.acceptance.stacks import broken_shop, policy
from tests.conftest import ComposeFactory
from tests.sandbox import ComposeSandbox
from tests.stores.evidence import fresh_bucket
from tests.stores.proxy import Fault, proxied
from tests.stores.servers import StoreServer
from workflows.models.artifact import ArtifactState
from workflows.models.manifest import Manifest
from workflows.models.record import RunRecord
from workflows.models.status import RunStatus

REPAIR = "repair the missing dependency for the api service"
NAMES = {
    "plan.json", "patch.diff", "diff-before.patch", "diff-after.patch", "analyze.log", "build.log",
    "restart.log", "containers.json", "service-before.log", "verify.log", "events.jsonl", "report.json",
    "manifest.json",
}  # fmt: skip
DELIVERY_SECONDS = 60


def repaired(shop: ComposeSandbox, operator: Operator, environment: dict[str, str]) -> RunRecord:
    """A repair of the broken shop with this store configured; it succeeds whatever the store does."""
    shop.up()
    operator.write_policy(policy(shop.name, str(shop.directory), max_wait_seconds=90))
    operator.extra_env |= environment
    ran = operator.run_local(shop.directory, "api", REPAIR)
    assert (ran.code, ran.record.status) == (0, RunStatus.SUCCEEDED), (ran.record.failure, ran.stderr)
    for value in (environment["TEMPORAL_ARTIFACT_S3_SECRET_ACCESS_KEY"],):
        assert value not in ran.stdout + ran.stderr
    return ran.record


def check_bundle(client: Minio, bucket: str, record: RunRecord) -> None:
    """The bucket has exactly what the manifest lists and the manifest itself, each with its checksum."""
    prefix = f"spec_workflows/{record.run_id}/"
    listed = client.list_objects(bucket, prefix=prefix, recursive=True, include_version=True)
    found = [str(one.object_name).removeprefix(prefix) for one in listed]
    assert len(found) == len(set(found)), "one version each"
    assert set(found) >= NAMES
    own = next(a for a in record.artifacts if a.name == "manifest.json")
    text = client.get_object(bucket, f"{prefix}manifest.json").read()
    assert hashlib.sha256(text).hexdigest() == own.sha256  # the run's result proves the bundle
    manifest = Manifest.model_validate_json(text)
    assert {entry.name for entry in manifest.artifacts} == set(found) - {"manifest.json"}
    for entry in manifest.artifacts:
        data = client.get_object(bucket, prefix + entry.name).read()
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (entry.sha256, entry.size_bytes), entry.name
        stat = client.stat_object(bucket, prefix + entry.name)
        assert stat.metadata["x-amz-meta-sha256"] == entry.sha256
        assert not entry.missing


def test_evidence_of_a_repair_is_complete_in_minio(
    compose_project: ComposeFactory, operator: Operator, minio_server: StoreServer
) -> None:
    """Every artifact is in the bucket, the record names where, and a person's browser opens the build log."""
    bucket = fresh_bucket()
    record = repaired(compose_project(broken_shop("humanize")), operator, minio_server.environment(bucket))
    assert {a.state for a in record.artifacts} == {ArtifactState.STORED}, record.warnings
    prefix = f"s3://{bucket}/spec_workflows/{record.run_id}/"
    assert {a.uri for a in record.artifacts} == {prefix + a.name for a in record.artifacts}
    assert not [warning for warning in record.warnings if "store" in warning]
    check_bundle(minio_server.client(), bucket, record)
    linked = {a.name: a.link for a in record.artifacts if a.link}
    assert set(linked) >= {"patch.diff", "build.log", "verify.log"}
    log = httpx.get(linked["build.log"], trust_env=False)
    assert log.status_code == 200
    assert hashlib.sha256(log.content).hexdigest() == next(
        a.sha256 for a in record.artifacts if a.name == "build.log"
    )
    assert not list((operator.state / "spool").iterdir())
    assert not (operator.state / "artifacts" / "spec_workflows").exists()


def test_repair_without_a_store_is_delivered_when_it_is_back(
    compose_project: ComposeFactory, operator: Operator, seaweed_server: StoreServer
) -> None:
    """The repair goes on, the record says what is spooled; the next worker delivers it, nothing is lost."""
    bucket = fresh_bucket()
    with proxied(seaweed_server.endpoint) as proxy:
        proxy.set(Fault.HANG)
        environment = seaweed_server.environment(bucket) | {"TEMPORAL_ARTIFACT_S3_ENDPOINT": proxy.endpoint}
        record = repaired(compose_project(broken_shop("humanize")), operator, environment)
        assert {a.state for a in record.artifacts} == {ArtifactState.SPOOLED}
        assert any("the artifact store" in warning.lower() for warning in record.warnings)
        assert "build.log waits for the store" in record.warnings
        proxy.set(Fault.NONE)
        client = seaweed_server.client()
        with operator.dev():
            end = time.monotonic() + DELIVERY_SECONDS
            while list((operator.state / "spool").iterdir()) and time.monotonic() < end:
                asyncio.run(asyncio.sleep(0.2))
        assert not list((operator.state / "spool").iterdir())
        check_bundle(client, bucket, record)
