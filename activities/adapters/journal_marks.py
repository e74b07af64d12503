"""Notes in the journal around this run's own commands: before they start, and what they made (I8).

An ``up`` or a build that ended is known by what it made. One that failed, or whose worker was killed, stays
without an end until a later one has ended well: what Docker still carries out of it is this run's own.
"""

from collections.abc import Iterable, Mapping

from activities.adapters.journal import Guard, Journal
from workflows.models.marks import ImageMark, Window
from workflows.models.snapshot import ContainerState
from workflows.ownership import newly_made, reference_is_ours


def begin_up(
    guard: Guard, present: Iterable[ContainerState], image_id: str | None, round_number: int
) -> Journal:
    """Note that an ``up`` is about to start, durably. An earlier one that was killed stays without an end:
    a container that it ordered may appear only now.

    Args:
        guard: the right to change this run's project.
        present: the service's containers now; what an earlier, unfinished ``up`` made is among them.
        image_id: what the new containers will run.
        round_number: the run's round.
    """
    window = Window(began_at=guard.store.now(), round=round_number, image_id=image_id)
    return guard.store.note(guard, lambda j: {**_made(j, present), "ups": (*j.ups, window)})


def end_up(guard: Guard, present: Iterable[ContainerState], *, exit_code: int = 0) -> Journal:
    """Note what the ``up`` that just ended has made.

    One that failed may have been killed with an order under way, which Docker still carries out: its end
    stays open until an ``up`` has ended well, and what is made until then is its own.
    """

    def noted(journal: Journal) -> Mapping[str, object]:
        made = _made(journal, present)
        return {**made, "ups": _closed(journal.ups, guard)} if exit_code == 0 else made

    return guard.store.note(guard, noted)


def begin_build(guard: Guard, reference: ImageMark | None, round_number: int) -> Journal:
    """Note that a build is about to start; ``reference`` is what the image reference points to now."""
    window = Window(began_at=guard.store.now(), round=round_number)
    return guard.store.note(
        guard, lambda j: {**_build_over(j, reference, guard), "builds": (*j.builds, window)}
    )


def end_build(guard: Guard, image_id: str | None) -> Journal:
    """Note the image that a build produced; None where it failed."""
    made = () if image_id is None else (image_id,)
    return guard.store.note(
        guard,
        lambda j: {"builds": _closed(j.builds, guard), "images_made": _union(j.images_made, made)},
    )


def owns_reference(journal: Journal, reference: ImageMark | None) -> bool:
    """Whether this run may let the image reference point elsewhere; no reference is nobody's."""
    if reference is None:
        return True
    return reference_is_ours(
        reference, journal.images_known, journal.builds, journal.project, journal.target.service
    )


def _made(journal: Journal, present: Iterable[ContainerState]) -> Mapping[str, object]:
    new = newly_made(present, journal.snapshot.containers, journal.ups)
    return {"containers_made": _union(journal.containers_made, new)}


def _build_over(journal: Journal, reference: ImageMark | None, guard: Guard) -> Mapping[str, object]:
    made: tuple[str, ...] = ()
    if reference is not None and reference.id not in journal.images_known:
        made = (reference.id,) if owns_reference(journal, reference) else ()
    return {"builds": _closed(journal.builds, guard), "images_made": _union(journal.images_made, made)}


def _closed(windows: tuple[Window, ...], guard: Guard) -> tuple[Window, ...]:
    now = guard.store.now()
    return tuple(w if w.ended_at else w.model_copy(update={"ended_at": now}) for w in windows)


def _union(known: tuple[str, ...], new: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*known, *new)))
