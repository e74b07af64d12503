"""How a run goes from request to terminal status: every way it may end (invariant I4)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError

from tests.workflow.scripted_host import ScriptedHost, failing, finding
from workflows import options, ports
from workflows.errors import OrchestratorError
from workflows.models.record import RollbackOutcome, RunRecord
from workflows.models.status import RunStatus, StepName, StepStatus

StageOf = Callable[[ScriptedHost], Any]
ALL_STEPS = ["locate", "preflight", "analyze", "plan", "patch", "build", "restart", "verify", "report"]


def statuses(record: RunRecord) -> dict[str, str]:
    """Step (with round, where it is not the first) -> status."""
    return {s.name if s.round == 1 else f"{s.name}.{s.round}": str(s.status) for s in record.steps}


async def test_a_repair_passes_every_step_in_order(stage_of: StageOf) -> None:
    """The happy path: each port once, in the design's order, every step with its times."""
    stage = await stage_of(ScriptedHost())
    record = await stage.run()
    assert record.status is RunStatus.SUCCEEDED
    assert stage.host.calls == ALL_STEPS
    assert record.rounds == 1
    assert all(step.started_at and step.completed_at for step in record.steps)
    assert statuses(record) | {"approve": "skipped", "rollback": "skipped"} == statuses(record)
    assert {a.name for a in record.artifacts} >= {"patch.diff", "build.log", "verify.log", "report.json"}
    assert record.downtime_seconds == 0.5


async def test_nothing_to_repair_touches_nothing(stage_of: StageOf) -> None:
    """A healthy service: succeeded with its code, zero rounds, no step that writes."""
    host = ScriptedHost()
    host.then("analyze", ports.AnalyzeResult(healthy=True, reason="api is healthy"))
    record = await (await stage_of(host)).run()
    assert (record.status, record.code, record.rounds) == (RunStatus.SUCCEEDED, "nothing_to_repair", 0)
    assert host.calls == ["locate", "preflight", "analyze", "report"]
    assert statuses(record)["patch"] == "skipped"


async def test_no_safe_fix_fails_with_the_evidence(stage_of: StageOf) -> None:
    """No finding: never a guess."""
    host = ScriptedHost()
    host.then("analyze", ports.AnalyzeResult(healthy=False, reason="KeyError: 'SECRET_KEY'"))
    record = await (await stage_of(host)).run()
    assert record.status is RunStatus.FAILED
    assert record.failure is not None
    assert record.failure.code == "no_safe_fix"
    assert "KeyError" in record.failure.message
    assert "patch" not in host.calls


@pytest.mark.parametrize("allowed", [True, False])
async def test_what_policy_says_of_a_language_model_reaches_the_analysis(
    stage_of: StageOf, allowed: bool
) -> None:
    """Measured once, in preflight; a note on a question that was asked stays with the run."""
    host = ScriptedHost()
    usual = host.answers["preflight"]
    host.answers["preflight"] = lambda job: usual(job).model_copy(update={"may_ask_llm": allowed})
    note = "the language model tiny was asked: not followed, it declines"
    host.then("analyze", ports.AnalyzeResult(healthy=False, reason="no cause is known", warnings=(note,)))
    record = await (await stage_of(host)).run()
    assert host.jobs["analyze"][0].may_ask_llm is allowed
    assert (record.status, note in record.warnings) == (RunStatus.FAILED, True)


async def test_preflight_failure_names_code_and_remedy(stage_of: StageOf) -> None:
    """An infrastructure failure ends the run before anything else is called."""
    host = ScriptedHost()
    host.then("preflight", OrchestratorError("docker_unavailable", detail="connection refused"))
    record = await (await stage_of(host)).run()
    assert record.failure is not None
    assert record.failure.code == "docker_unavailable"
    assert record.failure.remedy
    assert host.calls == ["locate", "preflight", "report"]


async def test_an_unknown_project_ends_the_run_like_any_other_failure(stage_of: StageOf) -> None:
    """The project is looked up by a local activity, whose errors Temporal does not wrap."""
    host = ScriptedHost()
    host.answers["locate"] = lambda _job: (_ for _ in ()).throw(OrchestratorError("unknown_project"))
    record = await (await stage_of(host)).run(project="nowhere")
    assert (record.status, record.code) == (RunStatus.FAILED, "unknown_project")
    assert statuses(record)["preflight"] == "failed"


async def test_plan_only_stops_after_the_plan(stage_of: StageOf) -> None:
    """``planned``: the plan is there, nothing was written."""
    host = ScriptedHost()
    record = await (await stage_of(host)).run(plan_only=True)
    assert record.status is RunStatus.PLANNED
    assert record.plan is not None
    assert "patch" not in host.calls


async def test_a_new_cause_gets_another_round(stage_of: StageOf) -> None:
    """A failed build that shows a second cause is repaired in round two, with one cumulative plan."""
    host = ScriptedHost()
    host.then("build", OrchestratorError("build_failed", service="api", detail="pg_config not found"))
    usual = host.answers["analyze"]
    host.then("analyze", usual, ports.AnalyzeResult(healthy=False, findings=(finding("libpq-dev"),)))
    record = await (await stage_of(host)).run()
    assert record.status is RunStatus.SUCCEEDED
    assert record.rounds == 2
    assert host.jobs["analyze"][1].failure.code == "build_failed"
    assert [n for f in host.jobs["plan"][1].findings for n in f.names] == ["PyYAML", "libpq-dev"]
    assert statuses(record)["build"] == "failed"
    assert statuses(record)["build.2"] == "succeeded"
    assert host.calls.count("rollback") == 0


@pytest.mark.parametrize("again", [1, 3])
async def test_rounds_are_limited(stage_of: StageOf, again: int) -> None:
    """After ``max_rounds`` the run rolls back with the last failure."""
    host = ScriptedHost(max_rounds=again)
    bad = ports.VerifyResult(failure=failing("health_timeout", StepName.VERIFY))
    host.answers["verify"] = lambda _job: bad
    record = await (await stage_of(host)).run()
    assert (record.status, record.rounds) == (RunStatus.ROLLED_BACK, again)
    assert record.failure is not None
    assert record.failure.code == "health_timeout"
    assert host.calls.count("rollback") == 1


async def test_failed_verification_without_new_cause_rolls_back_once(stage_of: StageOf) -> None:
    """The failure stays the one of the verification, not the analysis that found nothing more."""
    host = ScriptedHost()
    host.then("verify", ports.VerifyResult(failure=failing("container_crashed", StepName.VERIFY)))
    usual = host.answers["analyze"]
    host.then("analyze", usual, ports.AnalyzeResult(healthy=False, reason="no new cause"))
    record = await (await stage_of(host)).run()
    assert record.status is RunStatus.ROLLED_BACK
    assert record.code == "container_crashed"
    assert record.rollback is not None
    assert record.rollback.complete
    assert statuses(record)["rollback"] == "succeeded"
    assert "rollback.log" in {a.name for a in record.artifacts}


async def test_an_incomplete_rollback_says_what_to_type(stage_of: StageOf) -> None:
    """``failed``, code ``rollback_incomplete``, remedy with the run's id; never "rolled_back"."""
    host = ScriptedHost()
    host.then("build", OrchestratorError("foreign_change", path="api/requirements.txt"))
    outcome = RollbackOutcome(complete=False, state="not as before", mismatches=("image",))
    host.then("rollback", ports.RollbackResult(outcome=outcome))
    record = await (await stage_of(host)).run()
    assert (record.status, record.code) == (RunStatus.FAILED, "rollback_incomplete")
    assert record.failure is not None
    assert f"recover {record.run_id}" in record.failure.remedy


async def test_a_patch_that_wrote_nothing_is_failed_not_rolled_back(stage_of: StageOf) -> None:
    """A refused write leaves nothing to put back, and the status says so."""
    host = ScriptedHost()
    host.then("patch", OrchestratorError("diff_not_allowed", path="app.py"))
    host.then("rollback", ports.RollbackResult(outcome=RollbackOutcome(complete=True, nothing_written=True)))
    record = await (await stage_of(host)).run()
    assert (record.status, record.code) == (RunStatus.FAILED, "diff_not_allowed")


@pytest.mark.parametrize("step", ["report", "rollback"])
async def test_a_run_that_was_recovered_meanwhile_claims_nothing(stage_of: StageOf, step: str) -> None:
    """``recover`` settled the journal: neither success nor a rollback of ours describes the world (I4)."""
    host = ScriptedHost()
    settled = OrchestratorError("journal_settled", by="recover", run_id="r")
    if step == "rollback":
        host.then("build", OrchestratorError("foreign_change", path="x"))
    host.then(step, settled)
    record = await (await stage_of(host)).run()
    assert (record.status, record.code) == (RunStatus.FAILED, "journal_settled")


async def test_unexpected_errors_are_retried_then_named(stage_of: StageOf) -> None:
    """An activity that keeps crashing ends the run as ``internal_error``, and is rolled back."""
    host = ScriptedHost()
    host.answers["restart"] = lambda _job: 1 / 0
    record = await (await stage_of(host)).run()
    assert (record.status, record.code) == (RunStatus.ROLLED_BACK, "internal_error")
    assert host.calls.count("restart") == 5


async def test_unknown_fields_become_warnings(stage_of: StageOf) -> None:
    """A field of the future is reported, not refused."""
    record = await (await stage_of(ScriptedHost())).run(colour="blue")
    assert "unknown field 'colour' was ignored" in record.warnings


@pytest.mark.parametrize(
    "bad", [{"service": 5}, {"plan_only": "yes"}, {"instruction": ""}, {"project": "../x"}]
)
async def test_wrong_types_fail_at_once(stage_of: StageOf, bad: dict[str, Any]) -> None:
    """Bad input fails the run with ``invalid_request`` instead of retrying for ever."""
    stage = await stage_of(ScriptedHost())
    with pytest.raises(WorkflowFailureError) as caught:
        await stage.run(**{"instruction": "repair api", **bad})
    assert getattr(caught.value.cause, "type", "") == "invalid_request"
    assert stage.host.calls == []


async def test_a_report_that_cannot_be_stored_does_not_fail_the_run(stage_of: StageOf) -> None:
    """The repair stands; the record carries the warning (I6)."""
    host = ScriptedHost()
    host.answers["report"] = lambda _job: (_ for _ in ()).throw(
        OrchestratorError("write_failed", detail="disk")
    )
    record = await (await stage_of(host)).run()
    assert record.status is RunStatus.SUCCEEDED
    warning = next(w for w in record.warnings if "report could not be stored" in w)
    assert f"recover {record.run_id} --accept-current-state" in warning


async def test_step_states_are_one_of_the_five(stage_of: StageOf) -> None:
    """A terminal record has no step that is pending or in progress."""
    record = await (await stage_of(ScriptedHost())).run()
    open_states = {StepStatus.PENDING, StepStatus.IN_PROGRESS}
    assert not [step for step in record.steps if step.status in open_states]


async def test_a_host_without_a_worker_is_said_and_nothing_is_touched(
    stage_of: StageOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody takes the first step within its limit (cut short here): a clear end, not a wait for ever."""
    row = options.ROWS[ports.PREFLIGHT.name]
    short = replace(row, schedule_to_start=timedelta(seconds=1))
    monkeypatch.setitem(options.ROWS, ports.PREFLIGHT.name, short)
    host = ScriptedHost()
    host.then("locate", ports.Location(project="shop", task_queue="mm.orchestrator.away", host="away"))
    stage = await stage_of(host)
    record = await stage.run()
    assert record.status is RunStatus.FAILED
    assert record.failure is not None
    assert (record.failure.code, record.failure.step) == ("host_unavailable", StepName.PREFLIGHT)
    assert "host away" in record.failure.message
    assert "MM_ORCHESTRATOR_HOST=away" in record.failure.remedy
    assert host.calls == ["locate"]
    assert record.files_touched == ()
