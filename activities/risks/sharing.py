"""Who else in the project is built from the files that a plan changes."""

import os
from collections.abc import Iterable
from pathlib import Path

from activities.adapters.compose_model import ComposeModel, ComposeService
from activities.diagnosis.source_tree import docker_glob, ignore_rules, is_ignored, read_text
from activities.manifests import dockerfile
from workflows.models.target import Target


def manifest_users(model: ComposeModel, target: Target, paths: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Changed path -> other services whose image is built from that file. Blocking file IO."""
    others = [
        service
        for service in model.services.values()
        if service.name != target.service and service.build_context is not None
    ]
    found = {}
    for path in paths:
        file = Path(os.path.realpath(Path(target.workspace) / path))
        found[path] = tuple(sorted(other.name for other in others if _is_built_from(other, file)))
    return found


def ignore_file(context: Path, recipe: Path) -> Path:
    """Which ``.dockerignore`` counts: the one beside a Dockerfile, named after it, before the context's."""
    own = recipe.with_name(f"{recipe.name}.dockerignore")
    return own if own.is_file() else context / ".dockerignore"


def _is_built_from(service: ComposeService, file: Path) -> bool:
    if not Path(service.build_context or "").is_absolute():
        return False  # built from a remote address
    context = Path(os.path.realpath(service.build_context or ""))
    recipe = Path(os.path.realpath(context / (service.dockerfile or "Dockerfile")))
    if file == recipe and not service.dockerfile_inline:
        return True
    if not file.is_relative_to(context):
        return False
    inside = file.relative_to(context).as_posix()
    if is_ignored(inside, ignore_rules(ignore_file(context, recipe))):
        return False
    text = None if service.dockerfile_inline else read_text(recipe)
    return text is None or _takes(text, service.build_target, inside)


def _takes(text: str, build_target: str | None, path: str) -> bool:
    """Whether a COPY, ADD or bind mount of the built stages covers a file of the context."""
    facts = dockerfile.parse(text, build_target)
    stages = facts.reachable()
    sources = (
        source.strip("/").removeprefix("./")
        for copy in facts.copies
        if copy.stage in stages and not copy.from_stage
        for source in copy.sources
    )
    return any(source in {"", "."} or docker_glob(source).match(path) for source in sources)
