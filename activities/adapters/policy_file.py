"""The operator's rules, read afresh whenever they are asked for (SPEC FR-003, FR-009)."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from activities.adapters.policy_contradictions import close_to
from activities.adapters.policy_problems import PolicyProblem, read_policy
from workflows.errors import OrchestratorError
from workflows.models.policy import Policy, ProjectPolicy

SHOWN_PROBLEMS = 5


def load_policy(path: Path) -> Policy:
    """The policy in a file.

    Raises:
        OrchestratorError: ``policy_unreadable``; ``policy_invalid`` with the first problems, each
            with file, line, field, what is wrong and what would be valid.
    """
    policy, problems = _read(path)
    if policy is None:
        shown = [str(problem) for problem in problems[:SHOWN_PROBLEMS]]
        if len(problems) > SHOWN_PROBLEMS:
            shown.append(f"and {len(problems) - SHOWN_PROBLEMS} more")
        raise OrchestratorError("policy_invalid", detail="\n".join(shown))
    return policy


def check_policy(path: Path) -> tuple[PolicyProblem, ...]:
    """Every problem of a policy file, in the order of the file; none means it is valid.

    Raises:
        OrchestratorError: ``policy_unreadable``.
    """
    return tuple(sorted(_read(path)[1], key=lambda problem: problem.line))


def _read(path: Path) -> tuple[Policy | None, tuple[PolicyProblem, ...]]:
    try:
        return read_policy(path)
    except OSError as error:
        raise OrchestratorError("policy_unreadable", detail=f"{path}: {error.strerror or error}") from error


@dataclass(frozen=True)
class PolicySource:
    """Which projects may be touched, and by which rules.

    With a policy file, ``project_dir`` only chooses among its projects. Without one, ``project_dir``
    is the implicit project of zero configuration, under the Compose names found for it at start
    (``implicit_names``; more than one where the directory was started with several ``-p NAME``).
    """

    path: Path | None = None
    project_dir: Path | None = None
    implicit_names: tuple[str, ...] = ()

    @property
    def zero_config(self) -> bool:
        """Whether no policy file says anything."""
        return self.path is None

    def policy(self) -> Policy:
        """The rules as they are on disk now.

        Raises:
            OrchestratorError: ``policy_invalid``, ``policy_unreadable``.
        """
        return Policy() if self.path is None else load_policy(self.path)

    def name(self, wanted: str | None, policy: Policy | None = None) -> str:
        """The project a request means: the one it names, or the only one there is.

        ``policy`` spares a second reading where it was read already.

        Raises:
            OrchestratorError: ``unknown_project``, ``policy_invalid``, ``policy_unreadable``.
        """
        names = self._names(policy or self.policy())
        if wanted is None and len(names) == 1:
            return names[0]
        if wanted in names:
            return wanted
        raise self._unknown(wanted, names)

    def project(self, name: str, policy: Policy | None = None) -> ProjectPolicy:
        """The rules of one project; ``policy`` where it was read already.

        Raises:
            OrchestratorError: ``unknown_project``, ``policy_invalid``, ``policy_unreadable``.
        """
        policy = policy or self.policy()
        names = self._names(policy)
        if name not in names:
            raise self._unknown(name, names)
        if self.path is None:
            return ProjectPolicy(workspace=os.path.realpath(self.project_dir or "."))
        return policy.projects[name]

    def _names(self, policy: Policy) -> tuple[str, ...]:
        if self.path is None:
            return self.implicit_names if self.project_dir else ()
        if self.project_dir is None:
            return tuple(sorted(policy.projects))
        return _around(Path(os.path.realpath(self.project_dir)), policy)

    def _unknown(self, wanted: str | None, names: Sequence[str]) -> OrchestratorError:
        if wanted is not None:
            detail = f"No project {wanted!r} is configured{close_to(wanted, names) or '.'}"
        elif self.path is not None and self.project_dir is not None and not names:
            detail = f"{self.project_dir} is in no workspace of the policy {self.path}."
        elif names:
            detail = "The request names no project and there are several."
        else:
            detail = "No project is configured."
        return OrchestratorError("unknown_project", detail=detail, projects=", ".join(names) or "none")


def _around(directory: Path, policy: Policy) -> tuple[str, ...]:
    """Projects whose workspace holds the directory; of nested workspaces the innermost."""
    workspaces = {name: Path(os.path.realpath(p.workspace)) for name, p in policy.projects.items()}
    holding = {name: path for name, path in workspaces.items() if directory.is_relative_to(path)}
    depth = max((len(path.parts) for path in holding.values()), default=0)
    return tuple(sorted(name for name, path in holding.items() if len(path.parts) == depth))
