"""Which plans need an approval although the service is not protected: pure rules over gathered facts (I2)."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from workflows.errors import OrchestratorError
from workflows.models.policy import ApprovalGate
from workflows.models.policy_rules import RiskRule

SHOWN_NAMES = 5


@dataclass(frozen=True)
class RiskFacts:
    """What was found out about one plan; what no rule asks for is left at its default."""

    unknown_packages: tuple[str, ...] = ()
    """Packages the plan adds that the knowledge base does not have; also manifests that nobody reads."""
    young_packages: tuple[str, ...] = ()
    """A sentence per package that first appeared on its index a short time ago."""
    similar_names: tuple[str, ...] = ()
    """A sentence per package whose name is easily taken for another one."""
    base_images: tuple[str, ...] = ()
    """``path: before -> after`` per changed base image."""
    beyond_packages: tuple[str, ...] = ()
    """``path: what`` per change of a Dockerfile that is no added package."""
    image: str = ""
    image_users: tuple[str, ...] = ()
    """Other services of the image that is built."""
    manifest_users: Mapping[str, tuple[str, ...]] | None = None
    """Changed path -> other services that are built from it."""
    undeployed: tuple[str, ...] = ()
    """Files of the build context that are newer than the running image; ``…`` where the search was cut."""
    by_llm: bool = False
    operator_patch: bool = False


def risks(rules: Iterable[RiskRule], facts: RiskFacts) -> tuple[str, ...]:
    """One sentence per risk that the rules name and the facts show, in the order of the rules."""
    return tuple(
        f"{rule}: {sentence}" for rule in dict.fromkeys(rules) for sentence in _SENTENCES[rule](facts)
    )


def gate_with_risks(
    gate: ApprovalGate, found: tuple[str, ...], requested_by: str | None, service: str
) -> ApprovalGate:
    """The gate of a plan with these risks; protected by them, and naming them as reasons.

    Raises:
        OrchestratorError: ``requester_required`` where nobody could be refused for approving their own
            run; ``approval_impossible`` where the policy has too few people who may approve.
    """
    if not found:
        return gate
    able = approvers(gate) - {requested_by}
    if len(able) < gate.quorum:
        raise OrchestratorError(
            "approval_impossible", risks="; ".join(found), able=len(able), quorum=gate.quorum
        )
    if requested_by is None:
        raise OrchestratorError("requester_required", service=service)
    reasons = tuple(dict.fromkeys((*gate.reasons, *found)))
    return gate.model_copy(update={"protected": True, "reasons": reasons})


def approvers(gate: ApprovalGate) -> frozenset[str]:
    """Identities with a role that may approve here."""
    wanted = set(gate.approver_roles)
    return frozenset(who for who, roles in gate.identities.items() if not wanted or wanted & set(roles))


def listed(names: Iterable[str]) -> str:
    """The first names, and how many more there are."""
    every = tuple(names)
    more = len(every) - SHOWN_NAMES
    return ", ".join(every[:SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")


def _unknown_packages(facts: RiskFacts) -> Iterator[str]:
    if facts.unknown_packages:
        yield f"the knowledge base does not have {listed(facts.unknown_packages)}"


def _young_packages(facts: RiskFacts) -> Iterator[str]:
    yield from facts.young_packages


def _similar_names(facts: RiskFacts) -> Iterator[str]:
    yield from facts.similar_names


def _base_images(facts: RiskFacts) -> Iterator[str]:
    for change in facts.base_images:
        yield f"the base image changes in {change}"


def _beyond_packages(facts: RiskFacts) -> Iterator[str]:
    for change in facts.beyond_packages:
        yield f"more than added packages changes in {change}"


def _shared_image(facts: RiskFacts) -> Iterator[str]:
    if facts.image_users:
        yield f"the image {facts.image} is also run by {listed(facts.image_users)}"


def _shared_manifest(facts: RiskFacts) -> Iterator[str]:
    for path, services in sorted((facts.manifest_users or {}).items()):
        if services:
            yield f"{path} also goes into the image of {listed(services)}"


def _undeployed(facts: RiskFacts) -> Iterator[str]:
    if facts.undeployed:
        yield f"the build also ships files newer than the running image: {listed(facts.undeployed)}"


def _llm(facts: RiskFacts) -> Iterator[str]:
    if facts.by_llm:
        yield "a language model proposed the change"


def _operator_patch(facts: RiskFacts) -> Iterator[str]:
    if facts.operator_patch:
        yield "the request brought its own patch"


_SENTENCES: dict[RiskRule, Callable[[RiskFacts], Iterator[str]]] = {
    RiskRule.UNKNOWN_PACKAGE: _unknown_packages,
    RiskRule.YOUNG_PACKAGE: _young_packages,
    RiskRule.SIMILAR_NAME: _similar_names,
    RiskRule.BASE_IMAGE_CHANGE: _base_images,
    RiskRule.DOCKERFILE_BEYOND_PACKAGES: _beyond_packages,
    RiskRule.SHARED_IMAGE: _shared_image,
    RiskRule.SHARED_MANIFEST: _shared_manifest,
    RiskRule.UNDEPLOYED_CHANGES: _undeployed,
    RiskRule.LLM: _llm,
    RiskRule.OPERATOR_PATCH: _operator_patch,
}
