"""Can anybody approve at all? What a policy file says of approvers' keys, held against its roles (I2)."""

from collections.abc import Iterator

from workflows.approval_gate import same_person
from workflows.models.policy import Policy, ServicePolicy, Trust

Location = tuple[str | int, ...]


def signer_problems(policy: Policy) -> Iterator[tuple[Location, str, str]]:
    """Place, problem and what would be valid, of the keys under ``approvers``."""
    for identity in policy.approvers:
        if identity not in policy.identities:
            yield ("approvers", identity), f"{identity} has a key, but no role", "a role that names them"
    people = list(policy.identities)
    for index, one in enumerate(people):
        twin = next((other for other in people[:index] if same_person(one, other)), None)
        if twin is not None:
            problem = f"{one!r} and {twin!r} name the same person"
            yield ("roles",), problem, "one spelling for each person"


def too_few_signers(policy: Policy, service: ServicePolicy) -> str:
    """What is wrong where a protected service waits for signatures that nobody can give; empty: nothing."""
    if policy.approvals.trust is not Trust.SIGNED:
        return ""
    roles = policy.roles_for(service)
    people = {person for role in roles for person in policy.roles.get(role, ())}
    able = {person for person in people if policy.can_sign(person)}
    if len(people) < policy.approvals.quorum or len(able) >= policy.approvals.quorum:
        return ""
    return f"approvals must be signed, but only {len(able)} of {len(people)} approvers have a key"
