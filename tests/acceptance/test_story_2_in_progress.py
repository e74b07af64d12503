"""User Story 2, scenario 1: an in-progress run shows its steps, with links to what is stored so far."""

import hashlib
import json
import time
from uuid import uuid4

from tests.acceptance.operator import Operator, artifact_file, check_artifacts
from tests.acceptance.stacks import broken_shop, policy
from tests.conftest import ComposeFactory
from workflows.models.record import RunRecord
from workflows.models.status import RunStatus, StepName, StepStatus

REPAIR = "repair the missing dependency for the api service"
PARTS = 60


def slow_dockerfile() -> str:
    """Once the manifest names the missing package, the build says a line every half second."""
    loop = f"for part in $(seq {PARTS}); do echo compiled part $part; sleep 0.5; done"
    return f"""\
FROM python:3.13-slim
WORKDIR /app
COPY requirements.txt .
RUN : {uuid4().hex}; if grep -q humanize requirements.txt; then {loop}; fi
RUN pip install --no-cache-dir --root-user-action=ignore -r requirements.txt
COPY . .
CMD ["python", "-u", "app.py"]
"""


def test_scenario_1_an_in_progress_run_shows_steps_and_artifacts(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """While the build runs: ``show``, ``list``, ``watch``, ``logs`` tell, and build.log grows in its file."""
    shop = compose_project(broken_shop("humanize"))
    shop.write("api/Dockerfile", slow_dockerfile())
    shop.up()
    operator.write_policy(policy(shop.name, str(shop.directory)))
    with operator.dev(shop.directory):
        left = operator.command("run", "api", REPAIR, "--detach", "--json")
        assert left.code == 0, left.stderr
        run = left.record.run_id
        assert f"mm-orchestrator watch {run}" in left.stderr
        watching = operator.start("watch", run)
        building = operator.until(run, StepName.BUILD)
        _check_in_progress(building)
        early = _growing_log(operator, run)
        shown = operator.command("show", run).stdout
        listed = operator.command("list", "--json")
        logs = operator.command("logs", run, "build")
        later = _growing_log(operator, run, longer_than=len(early))
        still = operator.show(run)
        assert {s.name: s.status for s in still.steps}[StepName.BUILD] is StepStatus.IN_PROGRESS
        assert later.startswith(early)
        assert "compiled part 1" in early
        assert f"compiled part {PARTS}" not in later
        told, errors = watching.communicate(timeout=120)
        record = operator.show(run)

    for step in ("plan", "patch", "build", "restart", "verify", "rollback"):
        assert step in shown
    assert "in progress" in shown.replace("_", " ")
    assert "plan.json" in shown
    assert [(r["run_id"], r["status"]) for r in json.loads(listed.stdout)] == [(run, "running")]
    assert "compiled part 1" in logs.stdout
    assert "still being written" in logs.stdout or logs.stdout.startswith("#")
    assert watching.returncode == 0, errors
    for step in ("build", "restart", "verify"):
        assert step in told
    assert "succeeded" in told
    _check_finished(record)


def _check_in_progress(record: RunRecord) -> None:
    """Every step has its status; what is stored so far can be read and has the checksum named."""
    states = {step.name: step.status for step in record.steps}
    assert record.status is RunStatus.RUNNING
    for done in (StepName.PREFLIGHT, StepName.ANALYZE, StepName.PLAN, StepName.PATCH):
        assert states[done] is StepStatus.SUCCEEDED
    for ahead in (StepName.RESTART, StepName.VERIFY, StepName.ROLLBACK, StepName.REPORT):
        assert states[ahead] is StepStatus.PENDING
    assert all(step.started_at for step in record.steps if step.status is not StepStatus.PENDING)
    check_artifacts(record, "analyze.log", "plan.json", "patch.diff", "diff-before.patch", "diff-after.patch")
    linked = {name for step in record.steps for name in step.artifacts}
    assert linked == {artifact.name for artifact in record.artifacts}


def _growing_log(operator: Operator, run: str, longer_than: int = 0) -> str:
    """The build log's file as soon as it holds more, while the build goes on."""
    path = operator.state / "spool" / run / "build.log"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        text = path.read_text() if path.is_file() else ""
        if "compiled part 1" in text and len(text) > longer_than:
            return text
        time.sleep(0.05)
    raise AssertionError(f"{path} did not grow while the build ran")


def _check_finished(record: RunRecord) -> None:
    """The history of the run: times, summaries, evidence, disposition (FR-010)."""
    assert record.status is RunStatus.SUCCEEDED, record.failure
    log = next(artifact for artifact in record.artifacts if artifact.name == "build.log")
    data = artifact_file(log.uri).read_bytes()
    assert f"compiled part {PARTS}" in data.decode()
    assert hashlib.sha256(data).hexdigest() == log.sha256
    events = artifact_file(next(a.uri for a in record.artifacts if a.name == "events.jsonl")).read_text()
    lines = [json.loads(line) for line in events.splitlines()]
    assert [line["ts"] for line in lines] == sorted(line["ts"] for line in lines)
    for step in (StepName.PLAN, StepName.PATCH, StepName.BUILD, StepName.RESTART, StepName.VERIFY):
        states = [line["state"] for line in lines if line["step"] == step]
        assert states == ["in_progress", "succeeded"]
        assert next(s for s in record.steps if s.name is step).message
