"""A worker in a container: what it must not repair, and whether the daemon's host sees what it sees."""

from collections.abc import Mapping

from activities.adapters.compose_model import ComposeModel, ComposeService
from activities.adapters.own_container import OwnContainer
from workflows.errors import OrchestratorError
from workflows.models.target import Target


def refuse_own(own: OwnContainer | None, model: ComposeModel, service: str) -> None:
    """The orchestrator never restarts itself, nor what it needs in order to run (SPEC FR-001).

    Raises:
        OrchestratorError: ``own_service``.
    """
    if own is None or own.project != model.name or own.service not in model.services:
        return
    if service == own.service:
        raise OrchestratorError("own_service", service=service, why="the orchestrator itself runs in it")
    if service in _needed_by(own.service, model.services):
        raise OrchestratorError("own_service", service=service, why=f"{own.service} depends on it")


def refuse_elsewhere(own: OwnContainer | None, target: Target) -> None:
    """Bind mounts and build contexts mean the daemon's host: it must have the same under the same paths.

    Raises:
        OrchestratorError: ``workspace_elsewhere``.
    """
    if own is None:
        return
    context = (target.build.context,) if target.build is not None else ()
    for path in dict.fromkeys((target.project.working_dir, *context)):
        there = own.on_host(path)
        if there != path:
            seen = f"is {there} there" if there else "is no directory of it"
            raise OrchestratorError("workspace_elsewhere", path=path, seen=seen)


def _needed_by(service: str, services: Mapping[str, ComposeService]) -> set[str]:
    needed: set[str] = set()
    todo = [service]
    while todo:
        here = services.get(todo.pop())
        fresh = set(here.depends_on if here else ()) - needed
        needed |= fresh
        todo += sorted(fresh)
    return needed - {service}
