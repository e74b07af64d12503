"""User Story 3: Policy-Governed Rollback & Approvals (P3), on a protected service."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from tests.acceptance import temporal_cli
from tests.acceptance.operator import Operator, artifact_text, check_artifacts
from tests.acceptance.stacks import BREAK_HEALTH, broken_shop, policy
from tests.conftest import ComposeFactory
from tests.sandbox import ComposeSandbox
from workflows.models.approval import Verdict
from workflows.models.record import RunRecord
from workflows.models.status import RunStatus, StepName, StepStatus

REPAIR = "repair the missing dependency for the api service"
REQUEST = {"service": "api", "instruction": REPAIR, "requested_by": "olga"}


def approvals(*lines: str, trust: str = "unsigned", time_limit_seconds: float = 120) -> str:
    """The policy's sections that say who is who; olga runs the commands, alice and bob are approvers."""
    head = ["approvals:", f"  trust: {trust}", f"  time_limit_seconds: {time_limit_seconds}",
            "  approver_roles: [sre]", *(f"  {line}" for line in lines)]  # fmt: skip
    return "\n".join([*head, "roles:", "  sre: [olga, alice, bob]", "  developer: [dave]", ""])


def protect(
    operator: Operator, shop: ComposeSandbox, extra: str | None = None, max_wait_seconds: float = 20
) -> None:
    """Write the policy that protects ``api``."""
    operator.write_policy(
        policy(
            shop.name,
            str(shop.directory),
            extra_service=["protected: true"],
            extra=approvals() if extra is None else extra,
            max_wait_seconds=max_wait_seconds,
        )
    )


@pytest.fixture
def shop(compose_project: ComposeFactory, operator: Operator) -> ComposeSandbox:
    """A broken shop whose ``api`` is protected."""
    made = compose_project(broken_shop("humanize"))
    made.up()
    protect(operator, made)
    return made


def everything(shop: ComposeSandbox) -> tuple[object, object, object, object]:
    """All that a run which waits must not touch; the broken ``api`` restarts by itself, so its id counts."""
    ids = [(c.id, c.attrs["Image"]) for c in shop.containers("api")]
    return (
        shop.checksums(),
        shop.fingerprints(without="api"),
        ids,
        shop.engine.images.get(f"{shop.name}-api").id,
    )


def waiting_run(operator: Operator, *args: str) -> RunRecord:
    """Start a run that must stop at the gate."""
    ran = operator.command("run", "api", REPAIR, "--detach", "--json", *args)
    assert ran.code == 3, f"{ran.stdout}\n{ran.stderr}"
    record = ran.record
    assert record.status is RunStatus.AWAITING_APPROVAL
    assert record.plan is not None
    return record


def finished(operator: Operator, run: str, code: int) -> RunRecord:
    """Follow a run to its end, which must have this exit code."""
    watched = operator.command("watch", run, "--json")
    assert watched.code == code, f"{watched.stdout}\n{watched.stderr}"
    return watched.record


def refusals(record: RunRecord) -> list[tuple[str | None, str | None]]:
    """Who was refused, and why."""
    return [(a.approver, a.code) for a in record.approvals if a.verdict is Verdict.REFUSED]


def recorded(record: RunRecord) -> list[tuple[str | None, str, str | None]]:
    """Every attempt in ``approval.json``: who, verdict, code."""
    attempts: Sequence[dict[str, Any]] = json.loads(artifact_text(record, "approval.json"))["approvals"]
    return [(a["approver"], a["verdict"], a["code"]) for a in attempts]


def _web_ui_tells(operator: Operator, workflow_id: str, *parts: str) -> None:
    """The current details, as Temporal's own command line prints them."""
    told = operator.temporal("workflow", "metadata", "--workflow-id", workflow_id).stdout
    assert [part for part in parts if part not in told] == []


def test_scenario_1_a_protected_service_is_not_edited_before_an_approval(
    shop: ComposeSandbox, operator: Operator
) -> None:
    """The run halts before it edits anything, hears every refusal, and goes on from where it stood.

    Edge case: an approval received mid-run resumes the blocked step; earlier steps do not run again.
    """
    untouched = everything(shop)
    with operator.dev(shop.directory):
        waiting = waiting_run(operator)
        run, digest = waiting.run_id, waiting.plan.digest if waiting.plan else ""
        assert waiting.approval_deadline is not None
        steps = {step.name: step for step in waiting.steps}
        assert steps[StepName.APPROVE].status is StepStatus.IN_PROGRESS
        assert steps[StepName.PATCH].status is StepStatus.PENDING
        waits = temporal_cli.listed(operator, 'mm_state="awaiting_external"', holds=waiting.workflow_id)
        assert waiting.workflow_id in waits
        shown = operator.command("show", run).stdout + operator.command("explain", run).stdout
        assert "awaiting_approval" in shown
        assert f"mm-orchestrator approve {run}" in shown

        _refused(operator, "self_approval", "approve", run, "--yes")
        _refused(operator, "approver_role_missing", "approve", run, "--yes", "--approver", "dave")
        _refused(operator, "approver_unknown", "approve", run, "--yes", "--approver", "mallory")
        wrong = {"approver": "alice", "plan_digest": "0" * 64}
        answer = temporal_cli.update(operator, waiting.workflow_id, "Approve", wrong)
        assert (answer["verdict"], answer["code"]) == ("refused", "plan_digest_mismatch")
        temporal_cli.signal(operator, waiting.workflow_id, "Approve", {"approver": "bob"})
        still = operator.show(run)
        assert still.status is RunStatus.AWAITING_APPROVAL
        assert refusals(still) == [
            ("olga", "self_approval"), ("dave", "approver_role_missing"), ("mallory", "approver_unknown"),
            ("alice", "plan_digest_mismatch"), ("bob", "plan_digest_required"),
        ]  # fmt: skip
        assert everything(shop) == untouched
        _web_ui_tells(operator, waiting.workflow_id, f"mm-orchestrator approve {run}", "by bob")

        unasked = operator.command("approve", run, "--approver", "alice")
        assert unasked.code != 0, "without a terminal and without --yes nothing is approved"
        assert operator.show(run).status is RunStatus.AWAITING_APPROVAL

        approved = operator.command("approve", run, "--approver", "alice", "--yes", "--comment", "go")
        assert approved.code == 0, approved.stderr
        record = finished(operator, run, 0)
        history = temporal_cli.history(operator, waiting.workflow_id)

    assert record.status is RunStatus.SUCCEEDED
    assert refusals(record) == refusals(still)
    approval = record.approvals[-1]
    assert (approval.verdict, approval.approver, approval.roles) == (Verdict.APPROVED, "alice", ("sre",))
    assert (approval.plan_digest, approval.comment) == (digest, "go")
    assert recorded(record)[-1] == ("alice", "approved", None)
    assert [code for _, verdict, code in recorded(record) if verdict == "refused"] == [
        code for _, code in refusals(still)
    ]
    after = {step.name: step for step in record.steps}
    for early in (StepName.PREFLIGHT, StepName.ANALYZE, StepName.PLAN):
        assert after[early] == steps[early], "an earlier step ran again"
        assert history.count(early) == 1
    patched = after[StepName.PATCH].started_at
    assert patched is not None
    assert patched >= approval.at
    assert shop.read("api/requirements.txt") == "# packages\nhumanize\n"
    assert shop.container("api").attrs["State"]["Health"]["Status"] == "healthy"
    check_artifacts(record, "approval.json", "patch.diff", "build.log", "verify.log", "report.json")


def _refused(operator: Operator, code: str, *command: str) -> None:
    ran = operator.command(*command)
    assert ran.code == 5, f"{ran.stdout}\n{ran.stderr}"
    assert code in ran.stderr
    assert "Traceback" not in ran.stderr


def test_an_approval_counts_by_signal_too_and_survives_a_restart_of_everything(
    shop: ComposeSandbox, operator: Operator
) -> None:
    """A run that waits outlives server and worker; a plain Temporal signal lets it go on."""
    untouched = everything(shop)
    with operator.dev(shop.directory):
        waiting = waiting_run(operator)
    assert everything(shop) == untouched
    assert waiting.plan is not None
    with operator.dev(shop.directory):
        back = operator.show(waiting.run_id)
        assert (back.status, back.plan) == (RunStatus.AWAITING_APPROVAL, waiting.plan)
        vote = {"approver": "bob", "plan_digest": waiting.plan.digest}
        temporal_cli.signal(operator, waiting.workflow_id, "Approve", vote)
        record = finished(operator, waiting.run_id, 0)
        assert temporal_cli.history(operator, waiting.workflow_id).count("plan") == 1
    assert record.status is RunStatus.SUCCEEDED
    assert recorded(record) == [("bob", "approved", None)]


def test_a_quorum_of_two_needs_two_different_people(shop: ComposeSandbox, operator: Operator) -> None:
    """The same approver twice is refused; the second person's update opens the gate."""
    protect(operator, shop, approvals("quorum: 2"))
    with operator.dev(shop.directory):
        waiting = waiting_run(operator)
        assert waiting.plan is not None
        vote = {"approver": "alice", "plan_digest": waiting.plan.digest}
        first = temporal_cli.update(operator, waiting.workflow_id, "Approve", vote)
        assert first["verdict"] == "approved"
        again = temporal_cli.update(operator, waiting.workflow_id, "Approve", vote)
        assert (again["verdict"], again["code"]) == ("refused", "approver_repeated")
        assert operator.show(waiting.run_id).status is RunStatus.AWAITING_APPROVAL
        second = temporal_cli.update(operator, waiting.workflow_id, "Approve", vote | {"approver": "bob"})
        assert second["verdict"] == "approved"
        record = finished(operator, waiting.run_id, 0)
    assert [(a.approver, a.verdict) for a in record.approvals] == [
        ("alice", Verdict.APPROVED), ("alice", Verdict.REFUSED), ("bob", Verdict.APPROVED),
    ]  # fmt: skip


def test_a_rejected_plan_ends_the_run_and_nothing_was_written(
    shop: ComposeSandbox, operator: Operator
) -> None:
    """Reject by command: status ``rejected``, exit 6, the reason on record, a late approval refused."""
    untouched = everything(shop)
    with operator.dev(shop.directory):
        waiting = waiting_run(operator)
        _refused(
            operator, "approver_unknown", "reject", waiting.run_id, "--reason", "no", "--approver", "eve"
        )
        rejected = operator.command(
            "reject", waiting.run_id, "--reason", "not on a Friday", "--approver", "bob"
        )
        assert rejected.code == 0, rejected.stderr
        record = finished(operator, waiting.run_id, 6)
        _refused(operator, "run_already_ended", "approve", waiting.run_id, "--approver", "alice", "--yes")
    assert record.status is RunStatus.REJECTED
    assert record.failure is not None
    assert record.failure.code == "approval_rejected"
    assert "not on a Friday" in record.failure.message
    assert recorded(record) == [("eve", "refused", "approver_unknown"), ("bob", "rejected", None)]
    assert record.files_touched == ()
    assert everything(shop) == untouched


def test_nobody_approves_in_time(shop: ComposeSandbox, operator: Operator) -> None:
    """After the policy's time limit the run is ``rejected`` with ``approval_expired``, exit 6."""
    protect(operator, shop, approvals(time_limit_seconds=2))
    untouched = everything(shop)
    ran = operator.run_local(shop.directory, "api", REPAIR)
    record = ran.record
    assert (ran.code, record.status) == (6, RunStatus.REJECTED)
    assert record.failure is not None
    assert (record.failure.code, record.failure.step) == ("approval_expired", StepName.APPROVE)
    check_artifacts(record, "plan.json", "patch.diff", "approval.json", "report.json")
    assert recorded(record) == []
    assert record.files_touched == ()
    assert everything(shop) == untouched


def test_files_that_change_while_it_waits_need_a_new_approval(
    shop: ComposeSandbox, operator: Operator
) -> None:
    """An approval binds one plan for the files as they were: drift makes a new revision (I2, I8)."""
    with operator.dev(shop.directory):
        waiting = waiting_run(operator)
        assert waiting.plan is not None
        edited = "# packages\n# edited while the run waits\n"
        shop.write("api/requirements.txt", edited)
        untouched = everything(shop)
        old = {"approver": "alice", "plan_digest": waiting.plan.digest}
        temporal_cli.update(operator, waiting.workflow_id, "Approve", old)
        renewed = _revision(operator, waiting.run_id, 2)
        assert renewed.plan is not None
        assert renewed.plan.digest != waiting.plan.digest
        assert any("requirements.txt" in warning for warning in renewed.warnings)
        assert everything(shop) == untouched
        answer = temporal_cli.update(operator, waiting.workflow_id, "Approve", old)
        assert (answer["verdict"], answer["code"]) == ("refused", "plan_digest_mismatch")
        new = {"approver": "alice", "plan_digest": renewed.plan.digest}
        assert temporal_cli.update(operator, waiting.workflow_id, "Approve", new)["verdict"] == "approved"
        record = finished(operator, waiting.run_id, 0)
    assert shop.read("api/requirements.txt") == f"{edited}humanize\n"
    assert [a.plan_revision for a in record.approvals if a.verdict is Verdict.APPROVED] == [1, 2]
    assert recorded(record)[-1] == ("alice", "approved", None)


def _revision(operator: Operator, run: str, revision: int) -> RunRecord:
    for _ in range(60):
        record = operator.show(run)
        at_gate = record.status is RunStatus.AWAITING_APPROVAL
        if at_gate and record.plan is not None and record.plan.revision == revision:
            return record
        assert not record.status.terminal, record.failure
    raise AssertionError(f"the run never waited with plan revision {revision}")


def test_scenario_2_an_approved_change_that_fails_verification_is_rolled_back(
    shop: ComposeSandbox, operator: Operator
) -> None:
    """Approved, written, built, restarted, never healthy: files and image go back, the reason stays."""
    protect(operator, shop, max_wait_seconds=6)
    shop.write("api/requirements.txt", "# packages\nhumanize\n")
    shop.up()
    files, neighbours = shop.checksums(), shop.fingerprints(without="api")
    image = shop.container("api").attrs["Image"]
    patch = operator.root / "break.diff"
    patch.write_text(BREAK_HEALTH)
    with operator.dev(shop.directory):
        waiting = waiting_run(operator, "--patch", str(patch))
        assert operator.command("approve", waiting.run_id, "--approver", "alice", "--yes").code == 0
        record = finished(operator, waiting.run_id, 4)
    assert record.status is RunStatus.ROLLED_BACK
    assert record.failure is not None
    assert record.failure.step is StepName.VERIFY
    assert record.failure.code in {"health_timeout", "container_crashed"}
    assert "verify.log" in record.failure.artifacts
    assert record.rollback is not None
    assert record.rollback.complete
    check_artifacts(record, "approval.json", "verify.log", "rollback.log", "report.json", "manifest.json")
    assert shop.checksums() == files
    assert shop.container("api").attrs["Image"] == image
    assert shop.engine.images.get(f"{shop.name}-api").id == image
    assert shop.fingerprints(without="api") == neighbours


def test_a_protected_service_needs_a_requester(shop: ComposeSandbox, operator: Operator) -> None:
    """Who asks must be known, or nobody could be refused for approving their own run."""
    untouched = everything(shop)
    with operator.dev(shop.directory):
        request = {key: value for key, value in REQUEST.items() if key != "requested_by"}
        workflow_id = temporal_cli.start(operator, request)
        record = RunRecord.model_validate(temporal_cli.result_value(operator, workflow_id))
    assert record.status is RunStatus.FAILED
    assert record.failure is not None
    assert record.failure.code == "requester_required"
    assert everything(shop) == untouched
