"""``mm-orchestrator hold`` and ``release``: an operator's pause, in the state directory of this host."""

from datetime import UTC, datetime

from activities.adapters.holds import HoldStore
from activities.adapters.state_dir import StateDir
from worker.own_secrets import known_secrets
from worker.settings import WorkerSettings
from workflows.models.lane import EVERYTHING, Hold


def pause(settings: WorkerSettings, project: str | None, reason: str) -> str:
    """Hold a project, or every one (None); returns what to tell the operator.

    Raises:
        OrchestratorError: ``invalid_request`` for what is no project's name; ``write_failed``,
            ``state_dir_invalid``.
    """
    hold = Hold(
        project=project or EVERYTHING,
        reason=known_secrets().mask(" ".join(reason.split()))[:500],
        by=settings.identity,
        since=datetime.now(UTC),
    )
    _store(settings).hold(hold)
    return f"{hold.sentence}\n→ mm-orchestrator release {project or '--all'}"


def resume(settings: WorkerSettings, project: str | None) -> str:
    """Release a project, or what held every one (None); returns what to tell the operator.

    Raises:
        OrchestratorError: ``invalid_request``, ``project_held`` where the hold cannot be read.
    """
    store = _store(settings)
    ended = store.release(project or EVERYTHING)
    told = "Every project" if project is None else f"Project {project}"
    told += " was not on hold." if ended is None else " is released."
    still = store.find(project) if project is not None else None
    return told if still is None else f"{told} Still held: {still.sentence}"


def listed(settings: WorkerSettings) -> tuple[str, ...]:
    """Every pause of this host, a line each."""
    return tuple(hold.sentence for hold in _store(settings).all()) or ("Nothing is on hold.",)


def _store(settings: WorkerSettings) -> HoldStore:
    return HoldStore(StateDir(settings.state_dir))
