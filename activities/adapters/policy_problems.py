"""What is wrong with a policy file: file, line, field, the fault, and what would be valid (FR-003).

read_policy(path) -> (Policy | None, problems)
  OSError while reading -> PolicyUnreadable is the caller's word for it
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from activities.adapters.policy_contradictions import close_to, contradictions_of_rules
from activities.adapters.policy_schema import described, fields_at
from activities.adapters.policy_signers import signer_problems, too_few_signers
from workflows.models.policy import Policy, ProjectPolicy, ServicePolicy

MAX_POLICY_BYTES = 1024 * 1024

MAX_POLICY_NODES = 100_000

Location = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class PolicyProblem:
    """One fault; ``line`` counts from 1, 0 where the fault is in no line."""

    file: str
    line: int
    field: str
    problem: str
    valid: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        hint = f" Valid: {self.valid}." if self.valid else ""
        return f"{where}: {self.field + ': ' if self.field else ''}{self.problem}.{hint}"


@dataclass(frozen=True)
class _Document:
    """The parsed file; the round-trip nodes know their lines."""

    file: str
    root: Mapping[str, object]

    def line(self, location: Location) -> int:
        """1-based line of the deepest part of the location that is in the file."""
        node: object = self.root
        found = 1
        for part in location:
            place = getattr(node, "lc", None)
            if place is None or not isinstance(node, Mapping | Sequence):
                break
            try:
                found = 1 + int(place.key(part)[0] if isinstance(node, Mapping) else place.item(part)[0])
                node = node[part]  # type: ignore[index]
            except (KeyError, IndexError, TypeError):
                break
        return found

    def problem(self, location: Location, problem: str, valid: str = "") -> PolicyProblem:
        return PolicyProblem(self.file, self.line(location), _dotted(location), problem, valid)


def read_policy(path: Path) -> tuple[Policy | None, tuple[PolicyProblem, ...]]:
    """Parse and check a policy file; the policy is given only where there is no problem.

    Raises:
        OSError: the file cannot be read.
    """
    document = _parse(path)
    if isinstance(document, PolicyProblem):
        return None, (document,)
    try:
        policy = Policy.model_validate(_plain(document.root, [MAX_POLICY_NODES]))
    except RecursionError as error:
        return None, (PolicyProblem(str(path), 0, "", str(error)),)
    except ValidationError as error:
        return None, tuple(_explain(document, item) for item in error.errors(include_url=False))
    problems = tuple(_contradictions(document, policy, path))
    return (None if problems else policy), problems


def _parse(path: Path) -> _Document | PolicyProblem:
    with path.open("rb") as stream:
        data = stream.read(MAX_POLICY_BYTES + 1)
    if len(data) > MAX_POLICY_BYTES:
        return PolicyProblem(str(path), 0, "", f"the file is larger than {MAX_POLICY_BYTES} bytes")
    try:
        root = YAML(typ="rt").load(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return PolicyProblem(str(path), line, "", "the file is not UTF-8 text")
    except YAMLError as error:
        return _syntax(path, error)
    if root is None:
        return _Document(str(path), {})
    if not isinstance(root, Mapping):
        return PolicyProblem(
            str(path), 1, "", "the file is not a mapping", "version, projects, approvals, ..."
        )
    return _Document(str(path), root)


def _plain(node: object, budget: list[int]) -> object:
    """The data without ruamel's classes, whose merge keys (``<<``) only their own methods know.

    Raises:
        RecursionError: an alias that contains itself, or aliases that multiply beyond reason.
    """
    budget[0] -= 1
    if budget[0] < 0:
        raise RecursionError("the aliases in it multiply without end")
    if isinstance(node, Mapping):
        return {key: _plain(value, budget) for key, value in node.items()}
    if isinstance(node, Sequence) and not isinstance(node, str | bytes):
        return [_plain(value, budget) for value in node]
    return node


def _syntax(path: Path, error: YAMLError) -> PolicyProblem:
    if not isinstance(error, MarkedYAMLError):
        return PolicyProblem(str(path), 0, "", f"not valid YAML: {error}")
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 0
    parts = [str(part).splitlines()[0] for part in (error.context, error.problem) if part]
    return PolicyProblem(str(path), line, "", f"not valid YAML: {', '.join(parts)}")


def _explain(document: _Document, error: ErrorDetails) -> PolicyProblem:
    location = tuple(part for part in error["loc"] if part != "[key]")
    if error["type"] == "extra_forbidden":
        known = fields_at(location[:-1])
        problem = f"unknown key{close_to(str(location[-1]), known)}"
        return document.problem(location, problem, ", ".join(known))
    message = error["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    return document.problem(location, message, described(location))


def _contradictions(document: _Document, policy: Policy, path: Path) -> Iterator[PolicyProblem]:
    for name, project in policy.projects.items():
        yield from _workspace(document, name, project, path)
        for service, rules in project.services.items():
            yield from _approvers(document, policy, ("projects", name, "services", service), rules)
    for contradiction in contradictions_of_rules(policy):
        yield document.problem(contradiction.location, contradiction.problem, contradiction.valid)
    yield from _unknown_roles(
        document, policy, ("approvals", "approver_roles"), policy.approvals.approver_roles
    )
    for location, problem, valid in signer_problems(policy):
        yield document.problem(location, problem, valid)


def _workspace(document: _Document, name: str, project: ProjectPolicy, path: Path) -> Iterator[PolicyProblem]:
    location = ("projects", name, "workspace")
    workspace = os.path.realpath(project.workspace)
    if workspace == "/":
        yield document.problem(
            location, "the whole file system is no workspace", "the project's own directory"
        )
    elif Path(os.path.realpath(path)).is_relative_to(workspace):
        problem = "this policy file lies inside the workspace, where a run could change its own rules"
        yield document.problem(location, problem, "a policy file outside every workspace")


def _approvers(
    document: _Document, policy: Policy, location: Location, rules: ServicePolicy
) -> Iterator[PolicyProblem]:
    yield from _unknown_roles(document, policy, (*location, "approver_roles"), rules.approver_roles or ())
    if not rules.protected:
        return
    roles = policy.roles_for(rules)
    people = {identity for role in roles for identity in policy.roles.get(role, ())}
    if not roles:
        problem = "the service is protected, but no role may approve"
        yield document.problem((*location, "protected"), problem, "approver_roles here or under approvals")
    elif len(people) < policy.approvals.quorum:
        problem = f"{len(people)} people can approve, but quorum is {policy.approvals.quorum}"
        yield document.problem(
            (*location, "protected"), problem, "more people in the roles, or a lower quorum"
        )
    elif problem := too_few_signers(policy, rules):
        valid = "a public_key under approvers, approvals.shared_secret_file, or trust: unsigned"
        yield document.problem((*location, "protected"), problem, valid)


def _unknown_roles(
    document: _Document, policy: Policy, location: Location, roles: Sequence[str]
) -> Iterator[PolicyProblem]:
    known = sorted(policy.roles)
    for index, role in enumerate(roles):
        if role not in policy.roles:
            problem = f"role {role!r} is not defined under roles{close_to(role, known)}"
            yield document.problem((*location, index), problem, ", ".join(known))


def _dotted(location: Location) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")
