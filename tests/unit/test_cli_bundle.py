"""Evidence as an operator takes it along and checks it: artifacts --download and --links, verify-bundle."""

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from temporalio import activity

from starter.cli.exit_codes import ExitCode
from tests.unit.bundle_samples import manifest_of
from tests.unit.cli_stage import BundleHost, Operator, Stage
from tests.unit.record_samples import ROLLED_BACK
from workflows.models.guarding import (
    Closing,
    GuardedRun,
    SettleInput,
    SettleResult,
    WatchRunResult,
    guard_id,
)
from workflows.models.manifest import MANIFEST_NAME
from workflows.models.record import RunRecord, RunReport
from workflows.models.request import RunRequest
from workflows.models.status import RunStatus

REQUEST = RunRequest(service="api", instruction="repair it", requested_by="dave")
NOWHERE = {"TEMPORAL_ADDRESS": "127.0.0.1:1"}


@pytest.fixture(scope="module")
def shown(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> tuple[Operator, RunRecord]:
    """An operator and a run that succeeded; whoever changes its evidence puts it back."""
    operator = Operator(stage, tmp_path_factory.mktemp("state"))
    with stage.serving(BundleHost(operator.state), leave_runs=True):
        record = operator.run()
    assert record.status is RunStatus.SUCCEEDED
    return operator, record


@pytest.fixture
def folder(shown: tuple[Operator, RunRecord], tmp_path: Path) -> Path:
    """The run's bundle, downloaded."""
    operator, record = shown
    target = tmp_path / "bundle"
    done = operator.types("artifacts", record.run_id, "--download", str(target))
    assert done.exit_code == ExitCode.OK, done.output
    return target


@pytest.fixture
def offline(shown: tuple[Operator, RunRecord]) -> Iterator[Operator]:
    """The operator, with no Temporal server to ask."""
    operator, _ = shown
    operator.settings = NOWHERE
    yield operator
    operator.settings = {}


def kept(operator: Operator, record: RunRecord) -> Path:
    """Where the state directory has the run's evidence."""
    return operator.state / "artifacts" / "spec_workflows" / record.run_id


def test_a_download_is_the_whole_bundle(shown: tuple[Operator, RunRecord], folder: Path) -> None:
    """SC-003: every artifact and the manifest, byte for byte; no leftover."""
    operator, record = shown
    assert {path.name for path in folder.iterdir()} == {a.name for a in record.artifacts}
    assert MANIFEST_NAME in {a.name for a in record.artifacts}
    for path in folder.iterdir():
        assert path.read_bytes() == (kept(operator, record) / path.name).read_bytes()
    found = operator.types("verify-bundle", str(folder))
    assert found.exit_code == ExitCode.OK
    assert "anchored: run result" in found.stdout
    assert found.stdout.rstrip().endswith("every file is there.")


def test_a_download_goes_on_where_it_ended(shown: tuple[Operator, RunRecord], folder: Path) -> None:
    """What is whole is left alone, what is missing comes, what a killed download left is written anew."""
    operator, record = shown
    old = (folder / "build.log").stat()
    os.utime(folder / "build.log", ns=(1, 1))
    (folder / "verify.log").unlink()
    (folder / ".verify.log.part").write_text("half of it, and far too long for what it should be" * 9)
    done = operator.types("artifacts", record.run_id, "--download", str(folder))
    assert done.exit_code == ExitCode.OK
    now = (folder / "build.log").stat()
    assert (now.st_ino, now.st_mtime_ns) == (old.st_ino, 1)
    assert operator.types("verify-bundle", str(folder)).exit_code == ExitCode.OK
    assert not (folder / ".verify.log.part").exists()


def test_what_could_not_be_had_is_named(shown: tuple[Operator, RunRecord], tmp_path: Path) -> None:
    """One file of many: the others are there, exit code 5, and verify-bundle says the same."""
    operator, record = shown
    away, target = tmp_path / "away", tmp_path / "partial"
    (kept(operator, record) / "verify.log").rename(away)
    try:
        done = operator.types("artifacts", record.run_id, "--download", str(target))
        assert done.exit_code == ExitCode.FAILED
        assert f"1 of {len(record.artifacts)} could not be had: verify.log" in done.stderr
        found = json.loads(operator.types("verify-bundle", str(target), "--json").stdout)
    finally:
        away.rename(kept(operator, record) / "verify.log")
    told = {one["name"]: one["verdict"] for one in found["files"] if one["verdict"] != "intact"}
    assert (found["sound"], told) == (False, {"verify.log": "missing"})
    assert operator.types("artifacts", record.run_id, "--download", str(target)).exit_code == ExitCode.OK


def test_an_altered_file_is_named_and_a_new_manifest_does_not_help(
    shown: tuple[Operator, RunRecord], folder: Path
) -> None:
    """I6: the file against the manifest, the manifest against the run's result."""
    operator, record = shown
    (folder / "verify.log").write_text("all is well\n")
    found = operator.types("verify-bundle", str(folder))
    assert found.exit_code == ExitCode.FAILED
    assert "✗ verify.log  altered" in found.stdout
    files = {p.name: p.read_bytes() for p in folder.iterdir() if p.name != MANIFEST_NAME}
    (folder / MANIFEST_NAME).write_bytes(manifest_of(files, record.run_id))
    forged = operator.types("verify-bundle", str(folder))
    assert forged.exit_code == ExitCode.FAILED
    assert "✗" not in forged.stdout.partition("NOT SOUND")[0]
    assert "anchored: broken (run result: it names a manifest with sha256" in forged.stdout
    assert "NOT SOUND" in forged.stdout


def test_without_temporal_the_anchor_is_said_to_be_unchecked(offline: Operator, folder: Path) -> None:
    """The files are checked all the same; that nobody vouches for the manifest is never passed over."""
    found = offline.types("verify-bundle", str(folder))
    assert found.exit_code == ExitCode.OK
    assert "anchored: not checked (Temporal does not answer)" in found.stdout
    assert "nobody outside it vouches for the manifest" in found.stdout


def test_a_run_is_checked_where_it_is_stored(shown: tuple[Operator, RunRecord]) -> None:
    """By run id and workflow id, in store and spool together."""
    operator, record = shown
    spooled = operator.state / "spool" / record.run_id / "build.log"
    spooled.parent.mkdir(parents=True, exist_ok=True)
    stored = kept(operator, record) / "build.log"
    stored.rename(spooled)
    for name in (record.run_id, record.workflow_id):
        found = operator.types("verify-bundle", name)
        assert (found.exit_code, "anchored: run result" in found.stdout) == (ExitCode.OK, True)
    spooled.write_text("another\n")
    assert operator.types("verify-bundle", record.run_id).exit_code == ExitCode.FAILED
    spooled.unlink()
    gone = operator.types("verify-bundle", record.run_id)
    stored.write_bytes(b"#1 FROM python\r\n10%\r99%\n\x1b[31mdone\x1b[0m \x1b]0;owned\x07\n")
    assert "✗ build.log  missing" in gone.stdout
    assert operator.types("verify-bundle", record.run_id).exit_code == ExitCode.OK


@pytest.mark.parametrize(
    "what", ["/nowhere/at/all", "./nothing", "mm:nobody", "01a20532-9343-79c5-84b7-88e43f9b7b43"]
)
def test_what_is_no_bundle_is_refused(shown: tuple[Operator, RunRecord], what: str) -> None:
    """A path that leads nowhere, an unknown run: code and remedy, exit code 5."""
    operator, _ = shown
    found = operator.types("verify-bundle", what)
    assert found.exit_code == ExitCode.FAILED
    assert found.stderr.startswith("unknown_run: " if "/" not in what else "bundle_refused: ")
    assert "→ " in found.stderr


def test_links_of_a_local_store_are_file_paths(shown: tuple[Operator, RunRecord]) -> None:
    """What they name can be opened; a link longer than 7 days cannot be had."""
    operator, record = shown
    found = json.loads(operator.types("artifacts", record.run_id, "--links", "--json").stdout)
    assert {one["name"]: Path(one["address"]).is_file() for one in found} == {
        a.name: True for a in record.artifacts
    }
    assert (
        str(kept(operator, record) / "build.log")
        in operator.types("artifacts", record.run_id, "--links").stdout
    )
    for text in ("8d", "soon", "0h"):
        refused = operator.types("artifacts", record.run_id, "--links", "--valid-for", text)
        assert refused.exit_code == ExitCode.NO_RUN, text


def test_the_list_shows_steps_and_what_was_delivered_since(shown: tuple[Operator, RunRecord]) -> None:
    """A record that says spooled is old news when the store has the file."""
    operator, record = shown
    assert "build.log" in operator.types("artifacts", record.run_id).stdout
    listing = operator.types("artifacts", record.run_id).stdout.splitlines()
    (row,) = [line for line in listing if line.startswith("verify.log ")]
    assert row.split()[1] == "verify"
    explained = operator.types("explain", record.run_id).stdout
    assert f"{len(record.artifacts)} of {len(record.artifacts)} artifacts are stored in file://" in explained
    assert f"Complete. Take it along: mm-orchestrator artifacts {record.run_id} --download DIR" in explained


def test_of_a_lost_run_its_guard_vouches_for_the_manifest(stage: Stage, tmp_path: Path) -> None:
    """I4, I6: a terminated run has no result; the guard that settled it names the manifest it made."""
    operator, host = Operator(stage, tmp_path), BundleHost(tmp_path)
    begun, gone = host.hang("build"), asyncio.Event()

    async def watch(_: GuardedRun) -> WatchRunResult:
        while not gone.is_set():
            activity.heartbeat()
            await asyncio.sleep(0.05)
        return WatchRunResult(closing=Closing.TERMINATED)

    async def settle(job: SettleInput) -> SettleResult:
        record = ROLLED_BACK.model_copy(update={"run_id": job.run_id, "workflow_id": job.workflow_id})
        text = RunReport(record=record).model_dump_json().encode()
        report = await host.store.put(job.run_id, "report.json", text)
        return SettleResult(settled=True, manifest=await host.store.manifest(job.run_id, (report,)))

    host.answers |= {"watch_run": watch, "settle": settle}
    with stage.serving(host):
        run = stage.call(stage.starter().start(REQUEST))
        stage.call(asyncio.wait_for(begun.wait(), 30))
        stage.call(stage.client.get_workflow_handle(run.workflow_id).terminate())
        stage.call(_set(gone))
        stage.call(stage.client.get_workflow_handle(guard_id(run.run_id)).result())
    found = operator.types("verify-bundle", run.run_id)
    assert "anchored: guard's result" in found.stdout
    folder = tmp_path / "artifacts" / "spec_workflows" / run.run_id
    (folder / "build.log").unlink(missing_ok=True)
    (folder / MANIFEST_NAME).write_bytes(manifest_of({}, run.run_id))
    forged = operator.types("verify-bundle", run.run_id)
    assert forged.exit_code == ExitCode.FAILED
    assert "anchored: broken (guard's result: it names" in forged.stdout


async def _set(event: asyncio.Event) -> None:
    event.set()
