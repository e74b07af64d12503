"""Who may approve which plan (SPEC FR-009, invariant I2): pure rules over recorded facts."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypedDict

from workflows.errors import OrchestratorError
from workflows.models.approval import Approval, Approve, Reject, Verdict
from workflows.models.plan import ActionPlan
from workflows.models.policy import ApprovalGate, Trust
from workflows.models.token import TokenChecked

_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co"})
"""Categories of characters that show nothing: controls, zero-width marks, unassigned ones."""


@dataclass(frozen=True)
class Waiting:
    """What a run waits for: this plan, under this gate, until this instant."""

    gate: ApprovalGate
    plan: ActionPlan
    requested_by: str | None
    deadline: datetime


def judge_approval(
    attempt: Approve,
    waiting: Waiting,
    earlier: Iterable[Approval],
    now: datetime,
    checked: TokenChecked | None = None,
) -> Approval:
    """Accept or refuse one attempt to approve; both end up on record.

    Args:
        attempt: as it came.
        waiting: what the run waits for now.
        earlier: every attempt before.
        now: the workflow's time.
        checked: what became of the attempt's token; None where it had none.
    """
    who = _Who.of(attempt, checked)
    try:
        roles = _check_approval(attempt, who, waiting, earlier, now, checked)
    except OrchestratorError as error:
        return _refused(error, who, now, attempt.plan_digest, waiting.plan, attempt.comment)
    return Approval(
        verdict=Verdict.APPROVED,
        approver=who.name,
        roles=roles,
        at=now,
        plan_digest=waiting.plan.digest,
        plan_revision=waiting.plan.revision,
        message=f"approved by {who.name}",
        comment=attempt.comment,
        signed=checked is not None,
        **who.proof,
        valid_until=now + timedelta(seconds=waiting.gate.validity_seconds),
    )


def judge_rejection(
    attempt: Reject, waiting: Waiting, now: datetime, checked: TokenChecked | None = None
) -> Approval:
    """Accept or refuse one attempt to reject. The requester may reject their own run."""
    digest, who = waiting.plan.digest, _Who.of(attempt, checked)
    try:
        _require_good_token(checked, waiting)
        roles = _check_identity(who, waiting, requester_allowed=True)
    except OrchestratorError as error:
        return _refused(error, who, now, digest, waiting.plan, attempt.reason)
    return Approval(
        verdict=Verdict.REJECTED,
        approver=who.name,
        roles=roles,
        at=now,
        plan_digest=digest,
        plan_revision=waiting.plan.revision,
        message=attempt.reason or "no reason given",
        comment=attempt.reason,
        signed=checked is not None,
        **who.proof,
    )


class _Proof(TypedDict, total=False):
    token_id: str | None
    token_expires_at: datetime | None
    key: str | None


@dataclass(frozen=True)
class _Who:
    """Who decides: proved by a token, else as they say."""

    name: str | None
    signed: bool
    token: TokenChecked | None = None

    @staticmethod
    def of(attempt: Approve | Reject, checked: TokenChecked | None) -> "_Who":
        if checked is None:
            return _Who(attempt.approver, signed=False)
        return _Who(checked.approver or attempt.approver, signed=True, token=checked)

    @property
    def proof(self) -> "_Proof":
        """What the record keeps of a token: enough to recognise it, nothing to use."""
        if self.token is None:
            return {}
        return {
            "token_id": self.token.token_id,
            "token_expires_at": self.token.expires_at,
            "key": self.token.key,
        }


def refuse_unasked(
    attempt: Approve | Reject, plan: ActionPlan | None, now: datetime, *, over: bool = False
) -> Approval:
    """Refuse an attempt that no wait asked for: no plan yet, or nothing to approve."""
    code = "no_plan_yet" if plan is None and not over else "approval_not_needed"
    digest = attempt.plan_digest if isinstance(attempt, Approve) else None
    comment = attempt.comment if isinstance(attempt, Approve) else attempt.reason
    return _refused(OrchestratorError(code), _Who.of(attempt, None), now, digest, plan, comment)


def satisfied(gate: ApprovalGate, plan: ActionPlan, approvals: Iterable[Approval], now: datetime) -> bool:
    """Whether enough different people approved exactly this plan, in this revision, and still stand by it."""
    until = approved_until(gate, plan, approvals)
    return until is not None and now < until


def approved_until(gate: ApprovalGate, plan: ActionPlan, approvals: Iterable[Approval]) -> datetime | None:
    """When the approval lapses because too few of them are valid; None where there never were enough."""
    counting = (a for a in approvals if _counts(a, plan))
    return enough_until(
        gate.quorum, ((a.approver, a.valid_until) for a in counting if a.valid_until is not None)
    )


def enough_until(quorum: int, standing: Iterable[tuple[str | None, datetime]]) -> datetime | None:
    """When fewer than ``quorum`` different people stand by it; None where there never were enough."""
    people: dict[str, datetime] = {}
    for who, until in standing:
        name = _normal(who)
        people[name] = max(until, people.get(name, until))
    latest = sorted(people.values(), reverse=True)
    return latest[quorum - 1] if len(latest) >= quorum else None


def same_person(one: str | None, other: str | None) -> bool:
    """Whether two spellings name one identity: case, width, blanks and what is not seen make nobody else."""
    return one is not None and other is not None and _normal(one) == _normal(other)


def _normal(name: str | None) -> str:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name or "").casefold())
    return "".join(c for c in folded if unicodedata.category(c) not in _UNSEEN).strip()


def _counts(approval: Approval, plan: ActionPlan) -> bool:
    """A later revision needs a new approval even if it turns out to be the same plan: things moved."""
    same_plan = (approval.plan_digest, approval.plan_revision) == (plan.digest, plan.revision)
    return approval.verdict is Verdict.APPROVED and same_plan


def _check_approval(
    attempt: Approve,
    who: _Who,
    waiting: Waiting,
    earlier: Iterable[Approval],
    now: datetime,
    checked: TokenChecked | None,
) -> tuple[str, ...]:
    if now > waiting.deadline:
        raise OrchestratorError("approval_expired", limit=f"{waiting.gate.time_limit_seconds:.0f} s")
    _require_good_token(checked, waiting)
    roles = _check_identity(who, waiting, requester_allowed=False)
    digest = attempt.plan_digest or (checked.plan_digest if checked else None)
    if not digest:
        raise OrchestratorError("plan_digest_required")
    if digest != waiting.plan.digest:
        raise OrchestratorError("plan_digest_mismatch")
    for approval in earlier:
        in_force = _counts(approval, waiting.plan) and (approval.valid_until or now) > now
        if in_force and same_person(approval.approver, who.name):
            raise OrchestratorError("approver_repeated", approver=who.name)
    return roles


def _require_good_token(checked: TokenChecked | None, waiting: Waiting) -> None:
    """A token that was checked against a plan that is no longer the one that waits proves nothing."""
    if checked is None:
        return
    if checked.code is not None:
        raise _Told(checked.code, checked.message)
    if checked.plan_digest != waiting.plan.digest:
        raise OrchestratorError("plan_digest_mismatch")


class _Told(OrchestratorError):  # noqa: N818 - only the words differ
    """An error of the catalogue in the words that its first teller found."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.message = message or self.message


def _check_identity(who: _Who, waiting: Waiting, *, requester_allowed: bool) -> tuple[str, ...]:
    gate, approver = waiting.gate, who.name
    if gate.trust is Trust.SIGNED and not who.signed:
        raise OrchestratorError("signature_required")
    if not approver:
        raise OrchestratorError("approver_required")
    if same_person(approver, waiting.requested_by):
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
    who: _Who,
    now: datetime,
    digest: str | None,
    plan: ActionPlan | None,
    comment: str | None,
) -> Approval:
    return Approval(
        verdict=Verdict.REFUSED,
        approver=who.name,
        at=now,
        plan_digest=digest,
        plan_revision=plan.revision if plan else 0,
        code=error.code,
        message=error.message,
        comment=comment,
        signed=False,
        **who.proof,
    )
