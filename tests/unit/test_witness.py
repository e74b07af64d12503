"""The host's own memory of a run decides, not what a step is told (I1, I2)."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from activities.adapters.state_dir import StateDir
from activities.adapters.witness import Witness
from tests.unit.state_samples import target
from workflows import ports
from workflows.errors import OrchestratorError
from workflows.models.plan import ActionPlan
from workflows.models.policy import ApprovalGate, Limits, Trust
from workflows.models.policy_rules import RiskRule
from workflows.models.request import Intent, IntentKind, RunRequest
from workflows.models.snapshot import ServiceSnapshot
from workflows.models.token import Act, CheckTokenInput, TokenChecked
from workflows.models.verification import Verification

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RUN = ports.RunRef(run_id="run-1", workflow_id="mm:1")
GATE = ApprovalGate(
    protected=True, approver_roles=("sre",), quorum=2, validity_seconds=600,
    identities={"alice": ("sre",), "bob": ("sre",), "olga": ("sre",), "carol": ("intern",)},
)  # fmt: skip


class Clock:
    """A clock that is put forward by hand."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        """The time that it shows."""
        return self.at


def plan(diff: str = "a" * 64) -> ActionPlan:
    """A plan with the digest it ought to have."""
    made = ActionPlan(
        project="shop", service="api", summary="Add redis", steps=(), diff_sha256=diff,
        policy_digest="0" * 64, after_hashes={"api/requirements.txt": "b" * 64},
    )  # fmt: skip
    return made.model_copy(update={"digest": made.compute_digest()})


def measured(tmp_path: Path, gate: ApprovalGate = GATE) -> ports.PreflightResult:
    """What preflight answered."""
    return ports.PreflightResult(
        target=target(tmp_path, "api/requirements.txt"), intent=Intent(kind=IntentKind.REPAIR, service="api"),
        snapshot=ServiceSnapshot(service="api", image_ref="shop-api", taken_at=NOW), gate=gate,
        limits=Limits(), verification=Verification(), policy_digest="0" * 64,
    )  # fmt: skip


class Host:
    """One host's witness, and what its steps tell it."""

    def __init__(self, tmp_path: Path, gate: ApprovalGate = GATE, risks: tuple[str, ...] = ()) -> None:
        self.clock, self.tmp_path, self.gate = Clock(), tmp_path, gate
        self.witness = Witness(StateDir(tmp_path / "state"), self.clock)
        self.preflight()
        self.witness.planned(self.plan_input(), ports.PlanResult(plan=plan(), risks=risks))

    def preflight(self) -> None:
        """Preflight answers, asked for by olga."""
        request = RunRequest(service="api", instruction="repair api", requested_by="olga")
        job = ports.PreflightInput(run=RUN, request=request, project="shop")
        self.witness.measured(job, measured(self.tmp_path, self.gate))

    def plan_input(self) -> ports.PlanInput:
        """What the lifecycle then asks of the plan step."""
        known = measured(self.tmp_path)
        return ports.PlanInput(
            run=RUN, target=known.target, intent=known.intent, findings=(), snapshot=known.snapshot,
            limits=known.limits, verification=known.verification, policy_digest=known.policy_digest,
            requires_approval_when=self.gate.requires_approval_when,
        )  # fmt: skip

    def checked(self, approver: str, act: Act = Act.APPROVE, code: str | None = None) -> None:
        """The check of a token answers."""
        job = CheckTokenInput(
            run_id=RUN.run_id, project="shop", service="api", plan_digest=plan().digest, act=act, token="t",
            attempt="1",
        )  # fmt: skip
        self.witness.checked(job, TokenChecked(code=code, approver=approver))

    def refusal(self) -> str | None:
        """Why the first write is refused; None where it is permitted."""
        try:
            self.witness.require_approved(RUN.run_id, plan())
        except OrchestratorError as error:
            return error.code
        return None


def test_enough_different_approvers_open_the_gate(tmp_path: Path) -> None:
    """Two are wanted; one who approves twice, in whatever spelling, stays one."""
    host = Host(tmp_path)
    host.checked("alice")
    host.checked("alice")
    assert host.refusal() == "approval_not_seen"
    host.checked("bob")
    assert host.refusal() is None


@pytest.mark.parametrize("who", ["olga", "carol", "mallory"])
def test_who_may_not_approve_does_not_count(tmp_path: Path, who: str) -> None:
    """The requester, somebody without the role, somebody unknown: genuine signatures, no approvals."""
    host = Host(tmp_path)
    host.checked("alice")
    host.checked(who)
    assert host.refusal() == "approval_not_seen"


def test_a_refused_token_and_a_rejection_are_no_approvals(tmp_path: Path) -> None:
    """Only what the check let pass, and only where it says yes."""
    host = Host(tmp_path)
    host.checked("alice")
    host.checked("bob", code="token_replayed")
    host.checked("bob", act=Act.REJECT)
    assert host.refusal() == "approval_not_seen"


def test_an_approval_lapses(tmp_path: Path) -> None:
    """Its validity is counted by this host's clock, from the check on."""
    host = Host(tmp_path)
    host.checked("alice")
    host.checked("bob")
    host.clock.at += timedelta(seconds=601)
    assert host.refusal() == "approval_expired"
    host.witness.require_approved(RUN.run_id, plan(), begun=True)  # a step that is done again


def test_an_open_journal_is_no_approval_of_another_plan(tmp_path: Path) -> None:
    """Somebody could have a second plan written within an approved run otherwise."""
    host = Host(tmp_path)
    with pytest.raises(OrchestratorError, match="signed approval"):
        host.witness.require_approved(RUN.run_id, plan(), begun=True)


def test_a_new_preflight_takes_earlier_approvals_away(tmp_path: Path) -> None:
    """They were given for what was measured before, even where the plan comes out the same."""
    host = Host(tmp_path)
    host.checked("alice")
    host.checked("bob")
    host.preflight()
    assert host.refusal() == "approval_not_seen"


def test_an_open_service_needs_none_unless_its_plan_is_risky(tmp_path: Path) -> None:
    """What the plan step found decides, not what the lifecycle says it found."""
    open_gate = GATE.model_copy(update={"protected": False})
    assert Host(tmp_path / "a", open_gate).refusal() is None
    assert Host(tmp_path / "b", open_gate, risks=("unknown_package: x",)).refusal() == "approval_not_seen"


def test_unsigned_trust_leaves_no_proof(tmp_path: Path) -> None:
    """The policy says that a name is enough; the lifecycle alone judges it."""
    assert Host(tmp_path, GATE.model_copy(update={"trust": Trust.UNSIGNED})).refusal() is None


def test_the_same_order_passes(tmp_path: Path) -> None:
    """As it comes back from Temporal, by way of JSON."""
    host = Host(tmp_path)
    job = ports.PlanInput.model_validate_json(host.plan_input().model_dump_json())
    host.witness.require_measured(RUN.run_id, job)
    host.witness.require_planned(RUN.run_id, plan())


@pytest.mark.parametrize(
    "changes",
    [
        {"limits": Limits(max_files=99)},
        {"policy_digest": "1" * 64},
        {"verification": Verification(stability_window_seconds=0)},
        {"intent": Intent(kind=IntentKind.RESTART, service="api")},
        {"requires_approval_when": ()},
    ],
)
def test_another_order_is_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    """Each thing that preflight decided."""
    host = Host(tmp_path, GATE.model_copy(update={"requires_approval_when": (RiskRule.UNKNOWN_PACKAGE,)}))
    with pytest.raises(OrchestratorError, match="not measure"):
        host.witness.require_measured(RUN.run_id, host.plan_input().model_copy(update=changes))


def test_a_widened_target_and_an_unknown_run_are_refused(tmp_path: Path) -> None:
    """Also where the memory is damaged: that proves nothing."""
    host = Host(tmp_path)
    job = host.plan_input()
    wide = job.model_copy(update={"target": job.target.model_copy(update={"allow": ("**",)})})
    for run_id, order in ((RUN.run_id, wide), ("run-2", job)):
        with pytest.raises(OrchestratorError, match="not measure"):
            host.witness.require_measured(run_id, order)
    (tmp_path / "state/plans/run-1/measured.json").write_text("{")
    with pytest.raises(OrchestratorError, match="not measure"):
        host.witness.require_measured(RUN.run_id, job)


def test_a_plan_of_another_host_and_an_altered_one_are_refused(tmp_path: Path) -> None:
    """Its digest must be its own, and it must have been made here."""
    host = Host(tmp_path)
    altered = plan().model_copy(update={"service": "store"})
    for told in (plan("c" * 64), altered):
        with pytest.raises(OrchestratorError, match="not measure"):
            host.witness.require_planned(RUN.run_id, told)
