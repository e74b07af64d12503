"""Reports in the object store: read with suspicion, and not waited for once per run."""

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from starter.object_store import StoredObject
from starter.stored import LARGEST_REPORT, StoredReports
from tests.unit.bundle_samples import manifest_of
from tests.unit.record_samples import NOW, ROLLED_BACK, RUN_ID, artifact
from workflows.errors import OrchestratorError
from workflows.models.record import RunRecord, RunReport

OTHER = "01a20532-9343-79c5-84b7-88e43f9b7b44"
RECORD = ROLLED_BACK.model_copy(update={"artifacts": (artifact("verify.log"),)})


class Shelf:
    """What an object store holds, without a server; its real behaviour is tested on real servers."""

    bucket = "evidence"

    def __init__(self, objects: dict[str, bytes], error: OrchestratorError | None = None) -> None:
        self.objects = objects
        self.error = error
        self.asked = 0

    def chunks(self, run_id: str, name: str) -> Iterator[bytes]:
        """The object's bytes in small pieces."""
        self.asked += 1
        if self.error is not None:
            raise self.error
        if name not in self.objects:
            raise FileNotFoundError(name)
        data = self.objects[name]
        yield from (data[at : at + 65_536] for at in range(0, len(data), 65_536))

    def listed(self, run_id: str) -> dict[str, StoredObject]:
        """The objects, taken a minute later."""
        at = NOW + timedelta(minutes=1)
        return {name: StoredObject(name, len(data), at) for name, data in self.objects.items()}


def reports(tmp_path: Path, shelf: Shelf) -> StoredReports:
    """A machine with an empty state directory, and that store."""
    return StoredReports(tmp_path, shelf)  # type: ignore[arg-type]


def report(record: RunRecord = RECORD) -> bytes:
    """A report as the worker writes it."""
    return RunReport(record=record).model_dump_json().encode()


def test_what_the_record_cannot_name_comes_from_the_manifest(tmp_path: Path) -> None:
    """The report and what was made beside it with the manifest's checksums, the manifest with its own."""
    files = {"verify.log": b"x", "report.json": report(), "report.html": b"<p>"}
    manifest = manifest_of(files)
    found = reports(tmp_path, Shelf({"report.json": report(), "manifest.json": manifest})).fetch(RUN_ID)
    assert found is not None
    assert [a.name for a in found.artifacts] == ["verify.log", "report.json", "report.html", "manifest.json"]
    assert found.artifacts[0] == RECORD.artifacts[0], "the record knows best what it names"
    for own, data in zip(found.artifacts[1:], (files["report.json"], b"<p>", manifest), strict=True):
        assert (own.sha256, own.size_bytes) == (hashlib.sha256(data).hexdigest(), len(data))
        assert own.uri == f"s3://evidence/spec_workflows/{RUN_ID}/{own.name}"
        assert own.created_at == NOW + timedelta(minutes=1)


@pytest.mark.parametrize("manifest", [b"{", b"[]", b" " * (LARGEST_REPORT + 1)])
def test_a_manifest_that_is_none_names_nothing(tmp_path: Path, manifest: bytes) -> None:
    """The report is shown all the same; verify-bundle says what is wrong with the other."""
    found = reports(tmp_path, Shelf({"report.json": report(), "manifest.json": manifest})).fetch(RUN_ID)
    assert found is not None
    assert {a.name for a in found.artifacts} <= {"verify.log", "report.json", "manifest.json"}


@pytest.mark.parametrize(
    "objects",
    [
        {},
        {"report.json": b"{"},
        {"report.json": b"[]"},
        {"report.json": report(RECORD.model_copy(update={"run_id": OTHER}))},
        {"report.json": b" " * (LARGEST_REPORT + 1)},
    ],
    ids=["none", "torn", "no report", "another run's", "too large"],
)
def test_what_is_no_report_of_this_run_is_none(tmp_path: Path, objects: dict[str, bytes]) -> None:
    """Whatever lies under its key."""
    assert reports(tmp_path, Shelf(objects)).fetch(RUN_ID) is None


@pytest.mark.parametrize("run", ["mm:5f0c1f5e", "../../etc", ""])
def test_only_a_run_id_becomes_part_of_a_key(tmp_path: Path, run: str) -> None:
    """Everything else is not even asked for."""
    shelf = Shelf({"report.json": report()})
    assert reports(tmp_path, shelf).fetch(run) is None
    assert shelf.asked == 0


def test_a_store_that_refuses_is_asked_once(tmp_path: Path) -> None:
    """A list of twenty failed runs does not wait for it twenty times; this machine's reports need it not."""
    refused = OrchestratorError("store_unreachable", place="nowhere", detail="timed out")
    shelf = Shelf({}, refused)
    found = reports(tmp_path, shelf)
    for run in (RUN_ID, OTHER, RUN_ID):
        with pytest.raises(OrchestratorError) as caught:
            found.fetch(run)
        assert caught.value is refused
    assert shelf.asked == 1
    path = tmp_path / "artifacts" / "spec_workflows" / RUN_ID / "report.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(report())
    assert found.fetch(RUN_ID) is not None
