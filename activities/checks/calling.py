"""How Compose must be called for this project: as its running containers say it was (COMPOSE fact 2)."""

import os
from collections.abc import Iterable
from pathlib import Path

from activities.adapters.docker_facts import ProjectLabels
from workflows.errors import OrchestratorError
from workflows.models.policy import ProjectPolicy
from workflows.models.target import ComposeProject


def compose_call(name: str, rules: ProjectPolicy, labels: ProjectLabels | None) -> ComposeProject:
    """Files, directory and env files from the labels; without a container from policy or by discovery.

    Raises:
        OrchestratorError: ``workspace_missing``; ``compose_files_missing`` names what is gone.
    """
    workspace = Path(rules.workspace)
    if not workspace.is_dir():
        raise OrchestratorError("workspace_missing", path=workspace)
    if labels is not None:
        called = _as_labelled(name, rules, labels)
    else:
        called = _as_configured(name, rules, workspace)
    gone = [path for path in (*called.config_files, *called.env_files) if not Path(path).is_file()]
    if not Path(called.working_dir).is_dir():
        gone.insert(0, called.working_dir)
    if gone:
        raise OrchestratorError("compose_files_missing", detail=_seen(gone, labelled=labels is not None))
    return called


def same_place(called: ComposeProject, directory: Path) -> None:
    """Zero configuration: refuse a project of this name that runs from somewhere else.

    Raises:
        OrchestratorError: ``unknown_project``.
    """
    if os.path.realpath(called.working_dir) != os.path.realpath(directory):
        detail = f"Project {called.name!r} runs from {called.working_dir}, not from {directory}."
        raise OrchestratorError("unknown_project", detail=detail, projects="none")


def _as_labelled(name: str, rules: ProjectPolicy, labels: ProjectLabels) -> ComposeProject:
    return ComposeProject(
        name=name,
        working_dir=labels.working_dir,
        config_files=labels.config_files,
        env_files=labels.environment_files,
        profiles=rules.profiles,
        environment=rules.environment,
    )


def _as_configured(name: str, rules: ProjectPolicy, workspace: Path) -> ComposeProject:
    """As an operator would start it: the directory of the first file is the project's directory."""
    config_files = _below(workspace, rules.compose_files)
    directory = Path(config_files[0]).parent if config_files else workspace
    return ComposeProject(
        name=name,
        working_dir=str(directory),
        config_files=config_files,
        env_files=_below(workspace, rules.env_files),
        profiles=rules.profiles,
        environment=rules.environment,
    )


def _below(workspace: Path, paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(os.path.normpath(workspace / path) for path in paths)


def _seen(gone: list[str], *, labelled: bool) -> str:
    source = "the labels of the running containers name" if labelled else "the policy names"
    return f"{source} {', '.join(gone)}, which this worker does not see"
