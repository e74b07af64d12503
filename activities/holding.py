"""Keeps the images a run leads back to from every prune (COMPOSE fact 3)."""

from activities.adapters.docker_engine import DockerEngine
from activities.adapters.journal import Guard, Journal, JournalStore

KEPT_RUNS = 3
"""So many runs per service keep their previous image after a success."""


async def hold_previous(docker: DockerEngine, journal: Journal, guard: Guard) -> tuple[str, ...]:
    """Hold what the containers run, and where it differs what the reference points to.

    Returns:
        One warning per image that is gone already.
    """
    wanted = {"previous": journal.previous_image_id, "tagged": journal.tag_image_id}
    if wanted["tagged"] == wanted["previous"]:
        del wanted["tagged"]
    gone = []
    for role, image_id in wanted.items():
        if image_id is None:
            continue
        guard.check()
        held = await docker.hold_image(
            image_id,
            run_id=journal.run_id,
            project=journal.project,
            service=journal.target.service,
            role=role,
        )
        if not held:
            gone.append(f"image_gone: {image_id} is gone already; a rollback would have to rebuild it")
    return tuple(gone)


async def keep_the_last(docker: DockerEngine, journals: JournalStore, journal: Journal) -> tuple[str, ...]:
    """After a success the previous image stays held; of older runs of the service only the last ones do.

    An image that an unsettled journal may have to lead back to is never let go.

    Returns:
        The runs whose images were let go.
    """
    holding = await docker.holding_runs(journal.project, journal.target.service)
    needed = {other.run_id for other in journals.heads() if not other.settled}
    over = [run_id for run_id in holding[:-KEPT_RUNS] if run_id not in needed]
    for run_id in over:
        await docker.release_hold(run_id)
    return tuple(over)
