"""Who may approve which plan (SPEC FR-009, invariant I2): pure rules over recorded facts."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from workflows.errors import OrchestratorError
from workflows.models.approval import Approval, Approve, Reject, Verdict
from workflows.models.plan import ActionPlan
from workflows.models.policy import ApprovalGate, Trust


@dataclass(frozen=True)
class Waiting:
    """What a run waits for: this plan, under this gate, until this instant."""

    gate: ApprovalGate
    plan: ActionPlan
    requested_by: str | None
    deadline: datetime


def judge_approval(
    attempt: Approve, waiting: Waiting, earlier: Iterable[Approval], now: datetime
) -> Approval:
    """Accept or refuse one attempt to approve; both end up on record."""
    try:
        roles = _check_approval(attempt, waiting, earlier, now)
    except OrchestratorError as error:
        return _refused(error, attempt.approver, now, attempt.plan_digest, waiting.plan, attempt.comment)
    return Approval(
        verdict=Verdict.APPROVED,
        approver=attempt.approver,
        roles=roles,
        at=now,
        plan_digest=attempt.plan_digest,
        plan_revision=waiting.plan.revision,
        message=f"approved by {attempt.approver}",
        comment=attempt.comment,
    )


def judge_rejection(attempt: Reject, waiting: Waiting, now: datetime) -> Approval:
    """Accept or refuse one attempt to reject. The requester may reject their own run."""
    digest = waiting.plan.digest
    try:
        roles = _check_identity(attempt.approver, attempt.token, waiting, requester_allowed=True)
    except OrchestratorError as error:
        return _refused(error, attempt.approver, now, digest, waiting.plan, attempt.reason)
    return Approval(
        verdict=Verdict.REJECTED,
        approver=attempt.approver,
        roles=roles,
        at=now,
        plan_digest=digest,
        plan_revision=waiting.plan.revision,
        message=attempt.reason or "no reason given",
        comment=attempt.reason,
    )


def refuse_unasked(
    attempt: Approve | Reject, plan: ActionPlan | None, now: datetime, *, over: bool = False
) -> Approval:
    """Refuse an attempt that no wait asked for: no plan yet, or nothing to approve."""
    code = "no_plan_yet" if plan is None and not over else "approval_not_needed"
    digest = attempt.plan_digest if isinstance(attempt, Approve) else None
    comment = attempt.comment if isinstance(attempt, Approve) else attempt.reason
    return _refused(OrchestratorError(code), attempt.approver, now, digest, plan, comment)


def satisfied(gate: ApprovalGate, plan: ActionPlan, approvals: Iterable[Approval]) -> bool:
    """Whether enough different people approved exactly this plan, in this revision."""
    people = {approval.approver for approval in approvals if _counts(approval, plan)}
    return len(people) >= gate.quorum


def _counts(approval: Approval, plan: ActionPlan) -> bool:
    """A later revision needs a new approval even if it turns out to be the same plan: things moved."""
    same_plan = (approval.plan_digest, approval.plan_revision) == (plan.digest, plan.revision)
    return approval.verdict is Verdict.APPROVED and same_plan


def _check_approval(
    attempt: Approve, waiting: Waiting, earlier: Iterable[Approval], now: datetime
) -> tuple[str, ...]:
    if now > waiting.deadline:
        raise OrchestratorError("approval_expired", limit=f"{waiting.gate.time_limit_seconds:.0f} s")
    roles = _check_identity(attempt.approver, attempt.token, waiting, requester_allowed=False)
    if not attempt.plan_digest:
        raise OrchestratorError("plan_digest_required")
    if attempt.plan_digest != waiting.plan.digest:
        raise OrchestratorError("plan_digest_mismatch")
    for approval in earlier:
        if _counts(approval, waiting.plan) and approval.approver == attempt.approver:
            raise OrchestratorError("approver_repeated", approver=attempt.approver)
    return roles


def _check_identity(
    approver: str | None, token: str | None, waiting: Waiting, *, requester_allowed: bool
) -> tuple[str, ...]:
    gate = waiting.gate
    if gate.trust is Trust.SIGNED:
        raise OrchestratorError("token_unverifiable" if token else "signature_required")
    if not approver:
        raise OrchestratorError("approver_required")
    if approver == waiting.requested_by:
        if requester_allowed:
            return gate.identities.get(approver, ())
        raise OrchestratorError("self_approval", approver=approver)
    if approver not in gate.identities:
        raise OrchestratorError("approver_unknown", approver=approver)
    roles = gate.identities[approver]
    if gate.approver_roles and not set(roles) & set(gate.approver_roles):
        needed = ", ".join(gate.approver_roles)
        raise OrchestratorError("approver_role_missing", approver=approver, roles=needed)
    return roles


def _refused(
    error: OrchestratorError,
    approver: str | None,
    now: datetime,
    digest: str | None,
    plan: ActionPlan | None,
    comment: str | None,
) -> Approval:
    return Approval(
        verdict=Verdict.REFUSED,
        approver=approver,
        at=now,
        plan_digest=digest,
        plan_revision=plan.revision if plan else 0,
        code=error.code,
        message=error.message,
        comment=comment,
    )
