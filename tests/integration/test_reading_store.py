"""Evidence read from a real MinIO and a real SeaweedFS, away from the worker's machine (SPEC FR-011)."""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from activities.adapters.artifact_store import ArtifactStore
from starter.cli.exit_codes import ExitCode
from starter.object_store import ObjectStore, object_store
from starter.settings import StarterSettings
from starter.statistics.model import Statistics
from tests.stores.evidence import address_of, evidence_store, fresh_bucket
from tests.stores.servers import StoreServer, free_ports
from tests.unit.cli_stage import BundleHost, Operator, Stage
from tests.unit.record_samples import ROLLED_BACK, SUCCEEDED
from workflows.errors import OrchestratorError
from workflows.models.artifact import ArtifactState
from workflows.models.manifest import MANIFEST_NAME
from workflows.models.record import RunRecord, RunReport
from workflows.models.request import RunRequest

FORGOTTEN = "0190a1b2-0000-4000-8000-000000000001"
REQUEST = RunRequest(service="api", instruction="repair it", requested_by="dave")


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One Temporal server for this module."""
    with Stage() as running:
        yield running


@dataclass(frozen=True)
class Site:
    """A bucket, the worker that writes there, and an operator at another machine.

    The operator has an empty state directory, and the store's address and keys.
    """

    server: StoreServer
    bucket: str
    store: ArtifactStore
    operator: Operator
    worker_state: Path

    @classmethod
    def on(cls, server: StoreServer, stage: Stage, place: Path) -> Site:
        """A site with a bucket of its own."""
        bucket = fresh_bucket()
        store = evidence_store(address_of(server, bucket), place / "worker")
        operator = Operator(stage, place / "elsewhere")
        operator.settings = server.environment(bucket)
        return cls(server, bucket, store, operator, place / "worker")

    def host(self) -> BundleHost:
        """A scripted host whose evidence goes into the bucket."""
        return BundleHost(self.worker_state, store=self.store)

    def put(self, name: str, data: bytes) -> None:
        """Write over an object of the forgotten run, as anybody with the keys could."""
        key = f"spec_workflows/{FORGOTTEN}/{name}"
        self.server.client().put_object(self.bucket, key, io.BytesIO(data), len(data))


@pytest.fixture
def site(store_server: StoreServer, stage: Stage, tmp_path: Path) -> Site:
    """A site of the test's own."""
    return Site.on(store_server, stage, tmp_path)


@pytest.fixture(scope="module")
def made() -> dict[str, tuple[Site, RunRecord]]:
    """Server kind -> a run that was made there; for tests that only look."""
    return {}


@pytest.fixture
def shared(
    store_server: StoreServer,
    stage: Stage,
    made: dict[str, tuple[Site, RunRecord]],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Site, RunRecord]:
    """A run whose evidence is all in the bucket."""
    if store_server.kind not in made:
        site = Site.on(store_server, stage, tmp_path_factory.mktemp(store_server.kind))
        with stage.serving(site.host(), leave_runs=True):
            done = site.operator.run()
        assert {a.state for a in done.artifacts} == {ArtifactState.STORED}
        assert all(a.uri.startswith("s3://") for a in done.artifacts)
        made[store_server.kind] = site, done
    return made[store_server.kind]


@pytest.fixture
def forgotten(site: Site, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> RunRecord:
    """A run in the bucket that Temporal does not know, with report and manifest."""
    monkeypatch.setattr("starter.client.SETTLE_SECONDS", 0.1)  # how long Temporal's list may lag behind
    log = stage.call(site.store.put(FORGOTTEN, "verify.2.log", b"GET /health answered 500\n"))
    old = stage.call(site.store.put(FORGOTTEN, "analyze.log", b"yaml is missing\n"))
    record = ROLLED_BACK.model_copy(update={"run_id": FORGOTTEN, "artifacts": (log, old)})
    text = RunReport(record=record).model_dump_json().encode()
    report = stage.call(site.store.put(FORGOTTEN, "report.json", text))
    stage.call(site.store.manifest(FORGOTTEN, (log, old, report)))
    return record


def test_a_bundle_is_listed_downloaded_and_verified_from_elsewhere(
    shared: tuple[Site, RunRecord], tmp_path: Path
) -> None:
    """Nothing of it is on this machine; diff and log are shown, the bundle holds and is anchored."""
    operator, record = shared[0].operator, shared[1]
    listing = operator.types("artifacts", record.run_id).stdout
    assert all(a.sha256 in listing and a.uri in listing for a in record.artifacts)
    assert operator.types("diff", record.run_id).stdout.startswith("--- a/api/requirements.txt\n")
    assert operator.types("logs", record.run_id, "build").stdout.startswith("#1 FROM python\n")
    folder = tmp_path / "bundle"
    done = operator.types("artifacts", record.run_id, "--download", str(folder))
    assert done.exit_code == ExitCode.OK, done.output
    assert {path.name for path in folder.iterdir()} == {a.name for a in record.artifacts}
    for where in (str(folder), record.run_id):
        found = operator.types("verify-bundle", where)
        assert (found.exit_code, "anchored: run result" in found.stdout) == (ExitCode.OK, True), found.output


def test_what_was_altered_in_the_store_is_named_and_never_used(
    site: Site, forgotten: RunRecord, tmp_path: Path
) -> None:
    """Other bytes of the same length, a log that somebody added, one that was removed."""
    site.put("verify.2.log", b"GET /health answered 200\n")
    site.put("rollback.log", b"all fine\n")
    site.server.client().remove_object(site.bucket, f"spec_workflows/{FORGOTTEN}/analyze.log")
    found = json.loads(site.operator.types("verify-bundle", FORGOTTEN, "--json").stdout)
    told = {one["name"]: one["verdict"] for one in found["files"] if one["verdict"] != "intact"}
    expected = {"verify.2.log": "altered", "rollback.log": "unknown evidence", "analyze.log": "missing"}
    assert (found["sound"], told) == (False, expected)
    done = site.operator.types("artifacts", FORGOTTEN, "--download", str(tmp_path / "bundle"))
    assert done.exit_code == ExitCode.FAILED
    assert "artifact_corrupt: Artifact verify.2.log" in done.stderr
    assert "2 of 4 could not be had: analyze.log, verify.2.log" in done.stderr
    assert not (tmp_path / "bundle" / "verify.2.log").exists()


def test_links_open_without_a_login_and_only_while_they_are_valid(shared: tuple[Site, RunRecord]) -> None:
    """What a browser gets is the artifact; the signature says how long, 7 days at most."""
    operator, record = shared[0].operator, shared[1]
    links = ("artifacts", record.run_id, "--links")
    found = json.loads(operator.types(*links, "--valid-for", "1h", "--json").stdout)
    by_name = {one["name"]: one["address"] for one in found}
    for name in ("build.log", MANIFEST_NAME):
        answer = httpx.get(by_name[name], trust_env=False)
        assert answer.status_code == 200
        assert len(answer.content) == next(a.size_bytes for a in record.artifacts if a.name == name)
        assert "X-Amz-Expires=3600" in by_name[name]
    assert httpx.get(by_name["build.log"].partition("?")[0], trust_env=False).status_code == 403
    printed = operator.types(*links)
    assert "X-Amz-Expires=604800" in printed.stdout
    assert "7 days at most" in printed.stderr


def test_a_growing_object_is_read_while_the_step_runs(site: Site, stage: Stage) -> None:
    """FR-005: away from the worker's machine a running build's log comes from the store."""
    host = site.host()
    begun = host.hang("build")
    with stage.serving(host):
        run = stage.call(stage.starter().start(REQUEST))
        stage.call(asyncio.wait_for(begun.wait(), 30))
        log = site.store.open(run.run_id, "build.log")
        expected = ""
        for line in ("#1 FROM python\n", "#2 more\n"):
            log.write(line.encode())
            expected += line
            deadline = time.monotonic() + 30
            while (shown := site.operator.types("logs", run.run_id, "build").stdout) != expected:
                assert time.monotonic() < deadline, shown
        stage.call(log.close())


def test_a_run_that_temporal_forgot_is_shown_from_its_stored_report(
    site: Site, forgotten: RunRecord, stage: Stage, tmp_path: Path
) -> None:
    """FR-010: show, explain, artifacts, verify-bundle and retry work from the object store alone."""
    operator = site.operator
    shown = RunRecord.model_validate_json(operator.types("show", FORGOTTEN, "--json").stdout)
    assert shown.status is forgotten.status
    known = tuple(a.name for a in forgotten.artifacts)
    assert tuple(a.name for a in shown.artifacts) == (*known, "report.json", MANIFEST_NAME)
    assert f"Run {FORGOTTEN}: rolled_back" in operator.types("explain", FORGOTTEN).stdout
    assert "answered 500" in operator.types("logs", FORGOTTEN, "verify").stdout
    done = operator.types("artifacts", FORGOTTEN, "--download", str(tmp_path / "bundle"))
    assert done.exit_code == ExitCode.OK, done.output
    for where in (FORGOTTEN, str(tmp_path / "bundle")):
        checked = operator.types("verify-bundle", where)
        assert checked.exit_code == ExitCode.OK, checked.output
        assert "anchored: not checked (Temporal does not know the run)" in checked.stdout
    host = site.host()
    with stage.serving(host):
        assert operator.types("retry", FORGOTTEN, "--json").exit_code == ExitCode.OK
    assert host.jobs["preflight"][0].request.retry_of == FORGOTTEN


def test_stats_read_the_store_and_its_own_times(site: Site, stage: Stage) -> None:
    """SC-003: spooled at the end; in the store within the minute or too late, the store's clock decides."""
    now = datetime.now(UTC)
    for number, ended in enumerate((now, now - timedelta(minutes=5)), start=1):
        run_id = f"{FORGOTTEN[:-1]}{number}"
        names = ("patch.diff", "build.log", "verify.log")
        logs = [stage.call(site.store.put(run_id, name, b"x\n")) for name in names]
        spooled = tuple(log.model_copy(update={"state": ArtifactState.SPOOLED}) for log in logs)
        times = {"created_at": now - timedelta(hours=1), "completed_at": ended, "artifacts": spooled}
        record = SUCCEEDED.model_copy(update={"run_id": run_id, **times})
        text = RunReport(record=record).model_dump_json().encode()
        stage.call(site.store.put(run_id, "report.json", text))
    period = ("--since", str(now - timedelta(hours=2)), "--until", str(now - timedelta(minutes=30)))
    numbers = Statistics.model_validate_json(site.operator.types("stats", *period, "--json").stdout)
    third = numbers.criteria[2]
    assert (third.n, third.good) == (2, 1)
    assert [told.run_id for told in third.exceptions] == [f"{FORGOTTEN[:-1]}2"]
    assert third.spread is not None
    assert third.spread.n == 2


def reader(site: Site, **changes: str) -> ObjectStore:
    """What the starter makes of the environment."""
    settings = {
        "s3_endpoint": site.server.endpoint,
        "s3_bucket": site.bucket,
        "s3_access_key": site.server.access_key,
        "s3_secret_key": site.server.secret_key,
    }
    found = object_store(StarterSettings(**(settings | changes)))  # type: ignore[arg-type]
    assert found is not None
    return found


BROKEN = [
    ({"s3_secret_key": "not the secret"}, "store_credentials"),
    ({"s3_access_key": "nobody"}, "store_credentials"),
    ({"s3_bucket": "nobody-made-it"}, "store_bucket"),
]


@pytest.mark.parametrize(("changes", "code"), BROKEN)
def test_a_store_that_refuses_says_why(
    shared: tuple[Site, RunRecord], changes: dict[str, str], code: str
) -> None:
    """Wrong keys and a wrong bucket, each with a code of the catalogue; no key is echoed."""
    site, record = shared
    store = reader(site, **changes)
    with pytest.raises(OrchestratorError) as caught:
        list(store.chunks(record.run_id, "build.log"))
    assert caught.value.code == code
    assert site.server.secret_key not in str(caught.value) + caught.value.remedy
    with pytest.raises(OrchestratorError):
        store.listed(record.run_id)


def test_a_store_that_does_not_answer(shared: tuple[Site, RunRecord], stage: Stage, tmp_path: Path) -> None:
    """Nobody listens: every command says so with a remedy; and no run is called unknown for it."""
    site, record = shared
    operator = Operator(stage, tmp_path / "elsewhere")
    nobody = {"TEMPORAL_ARTIFACT_S3_ENDPOINT": f"127.0.0.1:{free_ports(1)[0]}"}
    operator.settings = site.server.environment(site.bucket) | nobody
    for command in (["verify-bundle", record.run_id], ["logs", record.run_id, "build"], ["show", FORGOTTEN]):
        found = operator.types(*command)
        assert found.exit_code == ExitCode.FAILED
        assert found.stderr.startswith("store_unreachable: "), command
        assert "→ Start it or correct TEMPORAL_ARTIFACT_S3_ENDPOINT" in found.stderr
    done = operator.types("artifacts", record.run_id, "--download", str(tmp_path / "bundle"))
    assert done.exit_code == ExitCode.FAILED
    assert operator.types("show", record.run_id).exit_code == ExitCode.OK, "the record needs no store"
    operator.settings = {}
    unset = operator.types("artifacts", record.run_id, "--download", str(tmp_path / "bundle"))
    assert "artifact_elsewhere: " in unset.stderr
    assert "Set TEMPORAL_ARTIFACT_S3_ENDPOINT" in unset.stderr


@pytest.mark.parametrize("scheme", ["", "http://"])
def test_an_endpoint_may_be_an_address(shared: tuple[Site, RunRecord], scheme: str) -> None:
    """host:port or http(s)://host:port; a log is read from an offset, and nothing beyond its end."""
    site, record = shared
    store = reader(site, s3_endpoint=f"{scheme}{site.server.endpoint}")
    whole = b"".join(store.chunks(record.run_id, "build.log"))
    assert b"".join(store.chunks(record.run_id, "build.log", 5)) == whole[5:]
    assert {a.name for a in record.artifacts} == set(store.listed(record.run_id))
    absent = [(record.run_id, "no.log", 0), (record.run_id, "build.log", len(whole)), (FORGOTTEN, "x.log", 0)]
    for run_id, name, offset in absent:
        with pytest.raises(FileNotFoundError):
            list(store.chunks(run_id, name, offset))
    assert store.listed(FORGOTTEN) == {}
