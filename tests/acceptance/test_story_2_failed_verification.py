"""User Story 2, scenario 2: after a failed verification the run tells all that manual work needs."""

import hashlib
from pathlib import Path

import pytest

from tests.acceptance.operator import Operator, artifact_text, check_artifacts
from tests.acceptance.stacks import BREAK_HEALTH, broken_shop, policy
from tests.conftest import ComposeFactory
from tests.sandbox import ComposeSandbox
from workflows.models.record import RunRecord
from workflows.models.status import RunStatus, StepName, StepStatus

DOCKERFILE = "api/Dockerfile"


@pytest.fixture
def shop(compose_project: ComposeFactory, operator: Operator) -> ComposeSandbox:
    """A healthy shop that waits only briefly for health."""
    made = compose_project(broken_shop("humanize", requirements="humanize\n"))
    made.up()
    operator.write_policy(policy(made.name, str(made.directory), max_wait_seconds=6))
    return made


def test_scenario_2_a_failed_verification_tells_cause_rollback_and_files(
    shop: ComposeSandbox, operator: Operator, tmp_path: Path
) -> None:
    """``show``, ``explain``, ``logs``, ``diff``, ``artifacts`` tell it, also when no server runs any more."""
    before = shop.checksums()
    image = shop.container("api").attrs["Image"]
    patch = operator.root / "break.diff"
    patch.write_text(BREAK_HEALTH)
    with operator.dev(shop.directory):
        ran = operator.command("run", "api", "apply the patch", "--patch", str(patch), "--json")
        record = ran.record
        assert ran.code == 4, ran.stderr
        _check_record(record, before, shop)
        while_it_runs = _told(operator, record, tmp_path / "one")
    _check_told(record, while_it_runs, tmp_path / "one")
    assert shop.checksums() == before
    assert shop.container("api").attrs["Image"] == image

    operator.extra_env["TEMPORAL_ADDRESS"] = "127.0.0.1:1"  # the usual port may be another test's server
    stored = operator.show(record.run_id)
    assert _comparable(stored) == _comparable(record)
    assert {(a.name, a.sha256) for a in stored.artifacts} == {(a.name, a.sha256) for a in record.artifacts}
    assert any("Temporal does not answer" in warning for warning in stored.warnings)
    without_a_server = _told(operator, record, tmp_path / "two")
    _check_told(record, without_a_server, tmp_path / "two")
    assert operator.command("show", record.workflow_id).code == 0
    assert record.run_id in operator.command("list").stdout


def _comparable(record: RunRecord) -> dict[str, object]:
    """What a stored report must say word for word."""
    return record.model_dump(include={"run_id", "status", "failure", "files_touched", "rollback", "rounds"})


def _check_record(record: RunRecord, before: dict[str, str], shop: ComposeSandbox) -> None:
    """Failure cause, rollback result, exact files, each by hash."""
    assert record.status is RunStatus.ROLLED_BACK
    failure = record.failure
    assert failure is not None
    assert (failure.step, failure.code) in {
        (StepName.VERIFY, "health_timeout"), (StepName.VERIFY, "container_crashed"),
    }  # fmt: skip
    assert "verify.log" in failure.artifacts
    assert failure.remedy
    broken = shop.read(DOCKERFILE).replace("COPY . .\n", "COPY . .\nRUN sed -i 's/8000/9000/' app.py\n")
    after = hashlib.sha256(broken.encode()).hexdigest()
    assert [(f.path, f.before, f.after) for f in record.files_touched] == [
        (DOCKERFILE, before[DOCKERFILE], after)
    ]
    assert record.rollback is not None
    assert record.rollback.complete
    assert [(f.path, f.after) for f in record.rollback.files] == [(DOCKERFILE, before[DOCKERFILE])]
    assert record.rollback.image_id_after == record.rollback.image_id_before
    assert record.rollback.not_undone
    states = {step.name: step.status for step in record.steps}
    assert states[StepName.VERIFY] is StepStatus.FAILED
    assert states[StepName.ROLLBACK] is StepStatus.SUCCEEDED
    check_artifacts(record, "plan.json", "patch.diff", "diff-before.patch", "diff-after.patch", "build.log",
                    "restart.log", "verify.log", "rollback.log", "containers.json", "service-before.log",
                    "events.jsonl", "report.json", "manifest.json")  # fmt: skip


def _told(operator: Operator, record: RunRecord, directory: Path) -> dict[str, str]:
    """What each command prints."""
    run = record.run_id
    commands = {
        "show": ("show", run),
        "explain": ("explain", run),
        "verify": ("logs", run, "verify"),
        "rollback": ("logs", run, "rollback"),
        "build": ("logs", run, "build"),
        "diff": ("diff", run),
        "plan": ("plan", run),
        "artifacts": ("artifacts", run),
        "download": ("artifacts", run, "--download", str(directory)),
    }
    told = {}
    for name, command in commands.items():
        ran = operator.command(*command)
        assert ran.code == 0, f"{name}: {ran.stderr}"
        assert "Traceback" not in ran.stderr
        told[name] = ran.stdout
    return told


def _check_told(record: RunRecord, told: dict[str, str], directory: Path) -> None:
    """Cause, rollback result and files stand where an operator looks for them."""
    assert record.failure is not None
    assert record.rollback is not None
    for view in (told["show"], told["explain"]):
        assert "rolled_back" in view
        assert record.failure.code in view
        assert "verify.log" in view
        assert " ".join(record.rollback.state.split()) in " ".join(view.split())
    assert DOCKERFILE in told["show"]
    assert record.rollback.not_undone[0][:30] in " ".join(told["explain"].split())
    assert f"mm-orchestrator logs {record.run_id} verify" in told["explain"]
    assert "health" in told["verify"]
    assert told["verify"] == artifact_text(record, "verify.log")
    assert told["diff"] == artifact_text(record, "patch.diff")
    assert "+RUN sed -i 's/8000/9000/' app.py" in told["plan"]
    assert "restored" in told["rollback"] or DOCKERFILE in told["rollback"]
    for artifact in record.artifacts:
        assert artifact.name in told["artifacts"]
        data = (directory / artifact.name).read_bytes()
        assert hashlib.sha256(data).hexdigest() == artifact.sha256
