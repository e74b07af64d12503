"""An ``up`` that was killed leaves its new container called ``<hash>_<name>`` (COMPOSE fact 4)."""

from activities.adapters.docker_engine import DockerEngine
from activities.adapters.journal import Guard
from workflows.models.snapshot import ContainerState


async def give_name_back(
    docker: DockerEngine, guard: Guard, container: ContainerState, name: str
) -> ContainerState:
    """The container as it is afterwards, called as Docker says it is called.

    One that crashes again and again cannot be renamed between two starts; it is stopped for that, and left
    stopped: whoever asked knows whether it is to run.

    Raises:
        OrchestratorError: ``journal_settled``, ``docker_unavailable``.
        DaemonRefused: Docker answered with an error, such as a name that is taken.
    """
    guard.check()
    if await docker.rename(container.id, name):
        return container.model_copy(update={"name": name})
    if container.up:
        guard.check()
        await docker.stop(container.id)
        container = container.model_copy(update={"status": "exited"})
        guard.check()
        if await docker.rename(container.id, name):
            return container.model_copy(update={"name": name})
    return container
