"""Risk rules: one sentence per risk that is asked for, and what they make of the gate."""

from typing import Any

import pytest

from workflows.errors import OrchestratorError
from workflows.models.policy import ApprovalGate, Policy, ServicePolicy
from workflows.models.policy_rules import DEFAULT_RISKS, RiskRule
from workflows.risk import RiskFacts, gate_with_risks, listed, risks

R = RiskRule
ALL = RiskFacts(
    unknown_packages=("left-pad", "zlib9"),
    young_packages=("left-pad first appeared 2 day(s) ago, 14 are asked for",),
    similar_names=("reqeusts is easily taken for the well-known requests",),
    base_images=("api/Dockerfile: python:3.12 -> python:3.13",),
    beyond_packages=("api/Dockerfile: USER in line 4", "api/Dockerfile: RUN in line 5"),
    image="shop-api",
    image_users=("worker",),
    manifest_users={"b.txt": ("worker",), "a.txt": (), "c.txt": ("jobs", "worker")},
    undeployed=("app.py",),
    by_llm=True,
    operator_patch=True,
)
SENTENCES = [
    (R.UNKNOWN_PACKAGE, ["the knowledge base does not have left-pad, zlib9"]),
    (R.YOUNG_PACKAGE, ["left-pad first appeared 2 day(s) ago, 14 are asked for"]),
    (R.SIMILAR_NAME, ["reqeusts is easily taken for the well-known requests"]),
    (R.BASE_IMAGE_CHANGE, ["the base image changes in api/Dockerfile: python:3.12 -> python:3.13"]),
    (R.DOCKERFILE_BEYOND_PACKAGES, ["more than added packages changes in api/Dockerfile: USER in line 4",
                                    "more than added packages changes in api/Dockerfile: RUN in line 5"]),
    (R.SHARED_IMAGE, ["the image shop-api is also run by worker"]),
    (R.SHARED_MANIFEST, ["b.txt also goes into the image of worker",
                         "c.txt also goes into the image of jobs, worker"]),
    (R.UNDEPLOYED_CHANGES, ["the build also ships files newer than the running image: app.py"]),
    (R.LLM, ["a language model proposed the change"]),
    (R.OPERATOR_PATCH, ["the request brought its own patch"]),
]  # fmt: skip


def test_the_table_is_complete() -> None:
    """A rule without a case here would go untested."""
    assert [rule for rule, _ in SENTENCES] == list(R)


@pytest.mark.parametrize(("rule", "said"), SENTENCES)
def test_each_rule_says_what_it_found(rule: RiskRule, said: list[str]) -> None:
    """Alone it says its sentences and no others; without its fact nothing."""
    assert risks([rule], ALL) == tuple(f"{rule}: {sentence}" for sentence in said)
    assert risks([rule], RiskFacts()) == ()


def test_rules_that_policy_does_not_name_say_nothing() -> None:
    """The facts alone gate nothing; a service's list takes the place of the general one."""
    assert risks([], ALL) == ()
    policy = Policy()
    assert policy.risks_for(ServicePolicy()) == DEFAULT_RISKS
    assert DEFAULT_RISKS == (
        R.YOUNG_PACKAGE, R.SIMILAR_NAME, R.SHARED_IMAGE, R.SHARED_MANIFEST, R.LLM,
    )  # fmt: skip
    assert policy.risks_for(ServicePolicy(requires_approval_when=())) == ()
    assert policy.risks_for(ServicePolicy(requires_approval_when=(R.LLM,))) == (R.LLM,)


def test_long_lists_are_cut() -> None:
    """A sentence stays readable."""
    assert listed("abcde") == "a, b, c, d, e"
    assert listed("abcdefg") == "a, b, c, d, e and 2 more"


GATE = ApprovalGate(
    approver_roles=("sre",), identities={"ada": ("sre",), "eve": ("intern",), "bob": ("sre",)}
)
FOUND = ("shared_image: x",)


def test_a_risk_protects_and_is_a_reason() -> None:
    """Also beside a protection by policy, whose reason stays; a second look adds nothing twice."""
    gate = gate_with_risks(GATE, FOUND, "olga", "api")
    assert (gate.protected, gate.reasons) == (True, FOUND)
    assert gate_with_risks(gate, FOUND, "olga", "api") == gate
    both = GATE.model_copy(update={"protected": True, "reasons": ("policy",)})
    assert gate_with_risks(both, FOUND, "olga", "api").reasons == ("policy", *FOUND)


def test_without_a_risk_the_gate_is_as_it_was() -> None:
    """Nobody is asked for, and nobody need be there."""
    assert gate_with_risks(ApprovalGate(), (), None, "api") == ApprovalGate()
    assert gate_with_risks(GATE, (), None, "api") is GATE


IMPOSSIBLE: list[tuple[dict[str, Any], str | None, str]] = [
    ({}, None, "requester_required"),
    ({"identities": {}}, "olga", "approval_impossible"),
    ({"identities": {}}, None, "approval_impossible"),
    ({"identities": {"eve": ("intern",)}}, "olga", "approval_impossible"),
    ({"quorum": 3}, "olga", "approval_impossible"),
    ({"quorum": 2}, "ada", "approval_impossible"),  # nobody approves their own run
]


@pytest.mark.parametrize(("changes", "requested_by", "code"), IMPOSSIBLE)
def test_an_approval_nobody_can_give_is_not_waited_for(
    changes: dict[str, Any], requested_by: str | None, code: str
) -> None:
    """The run ends at once and says what is missing."""
    with pytest.raises(OrchestratorError) as caught:
        gate_with_risks(GATE.model_copy(update=changes), FOUND, requested_by, "api")
    assert caught.value.code == code


def test_without_required_roles_anybody_in_the_policy_may_approve() -> None:
    """As the gate itself judges."""
    gate = ApprovalGate(identities={"eve": ("intern",)})
    assert gate_with_risks(gate, FOUND, "olga", "api").protected
