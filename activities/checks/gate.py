"""The rules pinned for one run: who must approve, and how far it may go (FR-009)."""

from workflows.errors import OrchestratorError
from workflows.models.policy import ApprovalGate, Limits, Policy, ServicePolicy, Trust
from workflows.models.request import RunRequest


def approval_gate(policy: Policy, rules: ServicePolicy, request: RunRequest, service: str) -> ApprovalGate:
    """The gate of this run.

    Raises:
        OrchestratorError: ``requester_required`` where a protected service is asked for by nobody.
    """
    if rules.protected and request.requested_by is None:
        raise OrchestratorError("requester_required", service=service)
    return ApprovalGate(
        protected=rules.protected,
        reasons=(f"policy: service {service} is protected",) if rules.protected else (),
        trust=policy.approvals.trust,
        approver_roles=policy.roles_for(rules),
        quorum=policy.approvals.quorum,
        time_limit_seconds=policy.approvals.time_limit_seconds,
        validity_seconds=policy.approvals.validity_seconds,
        warn_before_seconds=policy.approvals.warn_before_seconds,
        identities=_who_can(policy),
        requires_approval_when=policy.risks_for(rules),
    )


def _who_can(policy: Policy) -> dict[str, tuple[str, ...]]:
    """Identity -> roles; where approvals must be signed, of those who have something to sign with."""
    signed = policy.approvals.trust is Trust.SIGNED
    return {who: roles for who, roles in policy.identities.items() if not signed or policy.can_sign(who)}


def run_limits(policy: Policy, request: RunRequest) -> tuple[Limits, tuple[str, ...]]:
    """The policy's limits; a request can lower the rounds, never raise them."""
    asked, most = request.max_rounds, policy.limits.max_rounds
    if asked is None or asked == most:
        return policy.limits, ()
    if asked > most:
        return policy.limits, (f"max_rounds {asked} is above the policy's limit; {most} is used",)
    return policy.limits.model_copy(update={"max_rounds": asked}), ()


def unknown_fields(request: RunRequest) -> tuple[str, ...]:
    """A warning for each field of the request that this version does not know."""
    return tuple(f"unknown field {name!r} was ignored" for name in request.unknown_fields)
