"""The report's pure parts: how a journal ends, the suggested commit, masking (SPEC FR-010, I4, I5)."""

import json
from pathlib import Path
from typing import Any

import pytest

from activities import report as report_module
from activities.adapters.artifact_store import ArtifactStore
from activities.adapters.journal import JournalStore
from activities.adapters.measuring import Metrics
from activities.adapters.redaction import Redactor
from activities.adapters.state_dir import StateDir
from activities.report import Report, commit_message, event_lines, masked_report, settles_as
from tests.unit import page_samples
from tests.unit.page_reader import read_page
from tests.unit.state_samples import NOW
from workflows import ports
from workflows.models.manifest import Manifest
from workflows.models.record import FileTouched, RollbackOutcome, RunEvent, RunRecord, RunReport
from workflows.models.status import RunStatus, StepName, StepStatus

TOKEN = "ghp_" + "a1B2" * 9


def record(
    status: RunStatus, rollback: RollbackOutcome | None = None, instruction: str = "repair api"
) -> RunRecord:
    """A finished run."""
    return RunRecord(
        run_id="r-1", workflow_id="mm:1", status=status, instruction=instruction, service="api",
        project="shop", files_touched=(FileTouched(path="api/requirements.txt", before="a", after="b"),),
        rollback=rollback, created_at=NOW,
    )  # fmt: skip


WHOLE = RollbackOutcome(complete=True)
PART = RollbackOutcome(complete=False)
NONE = RollbackOutcome(complete=True, nothing_written=True)


@pytest.mark.parametrize(
    ("status", "rollback", "outcome"),
    [
        (RunStatus.SUCCEEDED, None, "succeeded"),
        (RunStatus.ROLLED_BACK, WHOLE, "rolled_back"),
        (RunStatus.CANCELLED, WHOLE, "rolled_back"),
        (RunStatus.FAILED, PART, None),
        (RunStatus.FAILED, NONE, None),
        (RunStatus.FAILED, None, None),
        (RunStatus.PLANNED, None, None),
    ],
)
def test_a_journal_is_settled_only_by_what_was_measured(
    status: RunStatus, rollback: RollbackOutcome | None, outcome: str | None
) -> None:
    """An incomplete rollback leaves the journal open for `recover`."""
    assert settles_as(record(status, rollback)) == outcome


def test_a_repair_comes_with_a_commit_message() -> None:
    """Subject of one short line, what was done, the files, the run."""
    message = commit_message(record(RunStatus.SUCCEEDED, instruction="repair " + "x" * 100))
    subject, empty, *body = message.splitlines()
    assert len(subject) <= 72
    assert empty == ""
    assert "- api/requirements.txt" in body
    assert body[-1] == "Orchestrator-Run: r-1"
    assert commit_message(record(RunStatus.ROLLED_BACK, WHOLE)) == ""


def test_a_file_that_an_earlier_round_changed_and_that_was_put_back_is_not_committed() -> None:
    """The text names what the repair left changed, nothing else."""
    back = FileTouched(path="api/Dockerfile", before="a", after="a")
    done = record(RunStatus.SUCCEEDED)
    both = done.model_copy(update={"files_touched": (back, *done.files_touched)})
    assert commit_message(both) == commit_message(done)
    assert commit_message(done.model_copy(update={"files_touched": (back,)})) == ""


def test_report_and_events_are_masked_and_stay_readable() -> None:
    """A secret in any text goes; the documents still parse (I5)."""
    leaking = record(RunStatus.SUCCEEDED, instruction=f'repair "api" with {TOKEN} and PASSWORD="hunter22x"')
    event = RunEvent(
        ts=NOW, run_id="r-1", round=1, step=StepName.BUILD, state=StepStatus.FAILED, message=f"said\n{TOKEN}"
    )
    report = masked_report(RunReport(record=leaking, events=(event,)), Redactor())
    lines = event_lines((event, event), Redactor()).decode()
    for text in (report.model_dump_json(), lines):
        assert TOKEN not in text
        assert "hunter22x" not in text
    assert report.record.run_id == "r-1"
    assert [json.loads(line)["step"] for line in lines.splitlines()] == ["build", "build"]


@pytest.fixture
def artifacts(tmp_path: Path) -> ArtifactStore:
    """A real store in a real state directory."""
    return ArtifactStore.in_state_dir(StateDir(tmp_path / "state"))


async def reported(artifacts: ArtifactStore, state: Path, told: RunRecord) -> ports.ArtifactsResult:
    """What the step stores for a run that has no journal, so that Docker is not asked."""
    nobody: Any = None
    step = Report(JournalStore(StateDir(state)), artifacts, nobody, Metrics())
    return await step.report(
        ports.ReportInput(run=ports.RunRef(run_id="r-1", workflow_id="mm:1"), record=told)
    )


async def test_every_report_has_its_page_in_the_manifest(artifacts: ArtifactStore, tmp_path: Path) -> None:
    """With the whole diff and the probes, masked, as text/html; the manifest lists its checksum."""
    diff = await artifacts.put("r-1", "patch.diff", b"+one\n+" + TOKEN.encode() + b"\n")
    logs = [
        await artifacts.put("r-1", name, page_samples.verify_log(verdict=verdict).encode())
        for name, verdict in (("verify.log", "not_stable"), ("verify.2.log", "healthy"))
    ]
    link = "https://store.example/patch.diff?X-Amz-Credential=AKIAABCDEFGHIJKLMNOP&X-Amz-Signature=ab12"
    told = record(RunStatus.FAILED, instruction=f"repair with {TOKEN}").model_copy(
        update={"artifacts": (diff.model_copy(update={"link": link}), *logs)}
    )
    stored = await reported(artifacts, tmp_path / "state", told)
    page = next(a for a in stored.artifacts if a.name == "report.html")
    text = (await artifacts.read(page)).decode()
    shown = read_page(text.encode()).whole_text
    assert (page.content_type, stored.warnings) == ("text/html; charset=utf-8", ())
    assert TOKEN not in text
    assert "+one" in shown
    assert "Round 1: not_stable" in shown
    assert "Round 2: healthy" in shown
    assert link.replace("&", "&amp;") in text  # masked it would not open
    manifest = next(a for a in stored.artifacts if a.name == "manifest.json")
    entry = Manifest.model_validate_json(await artifacts.read(manifest)).entry("report.html")
    assert entry is not None
    assert entry.sha256 == page.sha256


async def test_a_page_that_cannot_be_made_fails_nothing(
    artifacts: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report is stored all the same, and says that its page is missing."""

    def broken(*_: object) -> bytes:
        raise ZeroDivisionError

    monkeypatch.setattr(report_module, "report_page", broken)
    stored = await reported(artifacts, tmp_path / "state", record(RunStatus.FAILED))
    assert [a.name for a in stored.artifacts] == ["events.jsonl", "report.json", "manifest.json"]
    assert stored.warnings == ("report.html could not be made; report.json says the same",)


async def test_evidence_that_is_gone_or_too_long_is_left_out_of_the_page(
    artifacts: ArtifactStore, tmp_path: Path
) -> None:
    """The page says what it can."""
    diff = await artifacts.put("r-1", "patch.diff", b"+one\n")
    gone = diff.model_copy(update={"sha256": "0" * 64})
    log = await artifacts.put("r-1", "verify.log", page_samples.verify_log().encode())
    long = log.model_copy(update={"size_bytes": 1 << 30})
    told = record(RunStatus.FAILED).model_copy(update={"artifacts": (gone, long)})
    stored = await reported(artifacts, tmp_path / "state", told)
    page = next(a for a in stored.artifacts if a.name == "report.html")
    text = (await artifacts.read(page)).decode()
    assert "+one" not in text
    assert "probes" not in text.split("</nav>", maxsplit=1)[1]
