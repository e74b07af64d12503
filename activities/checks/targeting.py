"""The one service a run may change, and where its files may be written (FR-003, I1)."""

import difflib
import os
from collections.abc import Sequence
from pathlib import Path

from activities.adapters.compose_model import ComposeModel, ComposeService
from workflows.allow_list import default_allow_list
from workflows.errors import OrchestratorError
from workflows.image_names import image
from workflows.models.policy import ProjectPolicy, ServicePolicy
from workflows.models.target import BuildSpec, ComposeProject, Target


def find_service(model: ComposeModel, name: str) -> ComposeService:
    """The service as Compose has it.

    Raises:
        OrchestratorError: ``unknown_service`` with close matches and the whole list.
    """
    if name in model.services:
        return model.services[name]
    known = sorted(model.services)
    close = _close(name, known)
    hint = f" (did you mean {' or '.join(close)}?)" if close else ""
    listed = ", ".join(known) or "none"
    raise OrchestratorError("unknown_service", project=model.name, service=name, close=hint, services=listed)


def buildable(model: ComposeModel) -> tuple[str, ...]:
    """Services with a build section, sorted."""
    return tuple(sorted(name for name, service in model.services.items() if service.build_context))


def other_names(model: ComposeModel) -> dict[str, frozenset[str]]:
    """Lower-case names of containers and images -> the services they belong to."""
    found: dict[str, set[str]] = {}
    for service in model.services.values():
        one = image(service.image)
        names = {service.container_name, f"{model.name}-{service.name}-1", f"{model.name}-{service.name}"}
        names |= {service.image, one.path, one.repository} if one else set()
        for name in names - {None}:
            found.setdefault(str(name).lower(), set()).add(service.name)
    return {name: frozenset(services) for name, services in found.items()}


def build_spec(service: ComposeService) -> BuildSpec | None:
    """Context and Dockerfile with links followed; None where no local files make the image."""
    context = service.build_context
    if context is None or service.dockerfile_inline or not Path(context).is_absolute():
        return None
    dockerfile = Path(context) / (service.dockerfile or "Dockerfile")
    return BuildSpec(
        context=os.path.realpath(context),
        dockerfile=os.path.realpath(dockerfile),
        target=service.build_target,
    )


def make_target(
    call: ComposeProject,
    service: ComposeService,
    rules: ProjectPolicy,
    *,
    implicit: bool,
    replicas: int,
    config_hash: str,
) -> Target:
    """Put the target together.

    Args:
        call: how Compose is called.
        service: the service in Compose's words.
        rules: the project's policy, or the implicit one of zero configuration.
        implicit: zero configuration: the workspace grows to hold the build context.
        replicas: containers counted; 0 where there is none.
        config_hash: what Compose computes from the files now.
    """
    build = build_spec(service)
    workspace = os.path.realpath(rules.workspace)
    if implicit and build is not None:
        workspace = _around(workspace, build)
    own = rules.services.get(service.name, ServicePolicy())
    allow = own.allow if own.allow is not None else _default_allow(workspace, build)
    return Target(
        project=call,
        service=service.name,
        image=service.image,
        build=build,
        workspace=workspace,
        allow=allow,
        scale=replicas or service.scale,
        config_hash=config_hash,
    )


def _around(directory: str, build: BuildSpec) -> str:
    """The directory that holds the project and the build; the context alone if only ``/`` does."""
    common = os.path.commonpath([directory, build.context, Path(build.dockerfile).parent])
    if common != "/":
        return common
    narrow = os.path.commonpath([build.context, Path(build.dockerfile).parent])
    return narrow if narrow != "/" else build.context


def _default_allow(workspace: str, build: BuildSpec | None) -> tuple[str, ...]:
    if build is None or not _inside(build.context, workspace):
        return ()
    patterns = default_allow_list(
        os.path.relpath(build.context, workspace), os.path.relpath(build.dockerfile, workspace)
    )
    return patterns if _inside(build.dockerfile, workspace) else patterns[1:]


def _inside(path: str, directory: str) -> bool:
    return os.path.commonpath([path, directory]) == directory


def _close(name: str, known: Sequence[str]) -> list[str]:
    lowered = {service.lower(): service for service in known}
    found = difflib.get_close_matches(name.lower(), list(lowered), n=3, cutoff=0.6)
    return [lowered[match] for match in found]
