"""Whose container, whose image: pure rules that keep a run's hands off what somebody else made (I8).

A run owns what its own commands made: the containers noted after an ``up`` that ended, and what was made
since the beginning of an ``up`` whose worker was killed before it could note anything, as long as it runs
the image that this ``up`` was to run. The same for images and builds. The containers of before belong to
the service; they may be replaced, because the journal leads back to them. Everything else is somebody's.

What an operator does in mid-run is respected like an edited file: a container that somebody made is never
removed or replaced, one that somebody stopped or removed *before the run touched the containers* is
not brought back behind their back. From the run's first ``up`` on, a stop or removal may be its own, and
the way back to the state before is what it owes. What a restart of the Docker daemon does (ids stay,
``restart: no`` containers stay down, COMPOSE fact 9) is nobody's decision: what ran before is started again.

Times of this machine and of its daemon are compared: both are the same clock.
"""

from collections.abc import Iterable
from datetime import datetime

from workflows.models.marks import ImageMark, Window
from workflows.models.snapshot import ContainerState

POLICIES_THAT_RESTART = frozenset({"always", "unless-stopped"})
"""Under these Docker restarts what crashes: whoever is down was stopped."""


def strangers(
    present: Iterable[ContainerState],
    before: Iterable[ContainerState],
    made: Iterable[str],
    ups: Iterable[Window],
) -> tuple[ContainerState, ...]:
    """Containers of the service that neither were there before nor are this run's own.

    Args:
        present: the service's containers now.
        before: those of the journal.
        made: ids noted after an ``up`` of this run.
        ups: every ``up`` of this run.
    """
    known = {container.id for container in before} | set(made)
    windows = tuple(ups)
    return tuple(c for c in present if c.id not in known and not _made_by_an_unfinished_up(c, windows))


def newly_made(
    present: Iterable[ContainerState], before: Iterable[ContainerState], ups: Iterable[Window]
) -> tuple[str, ...]:
    """Ids that an ``up`` without an end has made by now; for the note that is taken once it is over."""
    known, windows = {container.id for container in before}, tuple(ups)
    return tuple(c.id for c in present if c.id not in known and _made_by_an_unfinished_up(c, windows))


def _made_by_an_unfinished_up(container: ContainerState, ups: tuple[Window, ...]) -> bool:
    if container.created_at is None:
        return False
    return any(
        up.ended_at is None
        and container.created_at >= up.began_at
        and (up.image_id is None or container.image_id == up.image_id)
        for up in ups
    )


def taken_away(
    before: Iterable[ContainerState], present: Iterable[ContainerState], ups: Iterable[Window]
) -> tuple[ContainerState, ...]:
    """Containers of before that somebody removed: gone, though this run has not begun to replace any."""
    if any(True for _ in ups):
        return ()
    now = {container.id for container in present}
    return tuple(container for container in before if container.id not in now)


def stopped_by_others(
    before: Iterable[ContainerState],
    present: Iterable[ContainerState],
    orders: Iterable[tuple[str, datetime]],
    ups: Iterable[Window],
    *,
    daemon_restarted: bool,
) -> tuple[ContainerState, ...]:
    """Containers of before that ran and that somebody stopped before this run touched any.

    A crash is none, nor what a restarting daemon leaves down: ``restart: no`` always, and after a crash of
    the daemon also ``unless-stopped`` (measured with 26.1.5), because it ends what survived the crash when it
    starts, and remembers that as an order. So after a restart nothing tells a person's order from its own.

    Args:
        before: the containers of the journal.
        present: the service's containers now.
        orders: container id and time of every stop or kill that Docker was asked for since.
        ups: every ``up`` of this run.
        daemon_restarted: whether the daemon was started anew since.
    """
    if daemon_restarted:
        return ()
    first_up = min((up.began_at for up in ups), default=None)
    asked = {container_id for container_id, at in orders if first_up is None or at < first_up}
    now = {container.id: container for container in present}
    return tuple(
        old
        for old in before
        if old.up and old.id in now and not now[old.id].up
        and (old.id in asked or (first_up is None and old.restart_policy in POLICIES_THAT_RESTART))
    )  # fmt: skip


def started_by_others(
    before: Iterable[ContainerState],
    present: Iterable[ContainerState],
    ups: Iterable[Window],
    *,
    daemon_restarted: bool,
) -> tuple[ContainerState, ...]:
    """Containers of before that were down and that somebody started; a restarted daemon may do so, too."""
    if daemon_restarted or any(True for _ in ups):
        return ()
    now = {container.id: container for container in present}
    return tuple(old for old in before if not old.up and old.id in now and now[old.id].up)


def reference_is_ours(
    now: ImageMark, known: Iterable[str | None], builds: Iterable[Window], project: str, service: str
) -> bool:
    """Whether what the image reference points to is of before or of this run.

    Args:
        now: the image behind the reference.
        known: ids of before and those noted after a build of this run.
        builds: every build of this run.
        project: the Compose project.
        service: the target service.
    """
    if now.id in set(known):
        return True
    if (now.project, now.service) != (project, service) or now.touched_at is None:
        return False
    return any(build.ended_at is None and now.touched_at >= build.began_at for build in builds)
