"""Is everything as it was? Pure rules over two snapshots of the target, before and after (SPEC FR-008, I4).

A container that was made again is the same where image, configuration, state and health are: ids differ.
A service that was broken before is as before when it is as broken; one that was fine must be fine.
"""

from collections.abc import Iterable

from workflows.models.record import Compared, FileTouched
from workflows.models.snapshot import ContainerState, ServiceSnapshot, ServiceState

NOTHING = "nothing"


def compare_restored(
    before: ServiceSnapshot, after: ServiceSnapshot, *, rebuilt: bool = False
) -> tuple[str, ...]:
    """What a rollback did not bring back, one sentence each; empty: everything is as it was (SPEC FR-008).

    Args:
        before: the target when the journal was opened.
        after: the target as measured after the rollback.
        rebuilt: the old image was gone and was built again, so ids cannot be the same.
    """
    found: list[str] = []
    if before.state is not after.state:
        found.append(f"{before.service} was {before.state} and is {after.state}")
    elif before.state is not ServiceState.ABSENT:
        found += _compare_containers(before, after, rebuilt=rebuilt)
    if rebuilt and after.image_id is None:
        found.append(f"{before.image_ref} does not exist")
    elif not _same_reference(before, after, rebuilt=rebuilt):
        now = short(after.image_id)
        found.append(f"{before.image_ref} pointed to {short(before.image_id)}, now {now}")
    return tuple(found)


def _same_reference(before: ServiceSnapshot, after: ServiceSnapshot, *, rebuilt: bool) -> bool:
    """A rebuilt image takes the place of the gone one; a reference that led elsewhere leads there again."""
    if rebuilt and before.image_id == before.container_image_id:
        return after.image_id is not None and after.image_id == after.container_image_id
    return before.image_id == after.image_id


def _compare_containers(before: ServiceSnapshot, after: ServiceSnapshot, *, rebuilt: bool) -> list[str]:
    found = []
    old_up, new_up = (sum(c.up for c in snapshot.containers) for snapshot in (before, after))
    same_number = len(before.containers) == len(after.containers)
    if not same_number:
        found.append(f"there were {len(before.containers)} containers, now {len(after.containers)}")
    elif old_up != new_up:
        found.append(f"{old_up} containers were up, now {new_up}")
    elif not all_as_good(before.containers, after.containers):
        found.append(f"{before.service} was {_statuses(before)}, now: {_statuses(after)}")
    old_images, new_images = (sorted(c.image_id for c in s.containers) for s in (before, after))
    if not same_number:
        old_images, new_images = sorted(set(old_images)), sorted(set(new_images))
    if old_images != new_images and not rebuilt:
        old, new = (", ".join(map(short, dict.fromkeys(images))) for images in (old_images, new_images))
        found.append(f"the containers ran {old}, now {new}")
    old_hashes, new_hashes = ({c.config_hash for c in s.containers} for s in (before, after))
    if old_hashes != new_hashes:
        found.append("the containers have another compose configuration")
    names = {container.name for container in before.containers}
    found += [  # an `up` that was killed leaves <hash>_<name> (COMPOSE fact 4)
        f"{c.name} does not have its name back"
        for c in after.containers
        if c.name not in names and c.name.partition("_")[2] in names
    ]
    if healthy(before.containers) and not healthy(after.containers):
        states = ", ".join(f"{c.name} {c.health or c.status}" for c in after.containers)
        found.append(f"{before.service} was healthy, now: {states}")
    return found


def all_as_good(before: Iterable[ContainerState], now: Iterable[ContainerState]) -> bool:
    """Whether as many containers run and are paused as were; a crash loop may be anywhere in its circle."""
    was, there = list(before), list(now)
    loops = sum(c.status == "restarting" or (c.status == "running" and c.restart_count > 0) for c in was)
    steady = sum(c.status == "running" and c.restart_count == 0 for c in was)
    paused, paused_now = (sum(c.status == "paused" for c in group) for group in (was, there))
    return steady <= sum(c.status == "running" for c in there) <= steady + loops and paused == paused_now


def healthy(containers: Iterable[ContainerState]) -> bool:
    """Every health check there is says so, and there is one."""
    words = [container.health for container in containers]
    return "healthy" in words and set(words) <= {None, "healthy"}


def side_by_side(
    before: ServiceSnapshot, after: ServiceSnapshot, files: Iterable[FileTouched]
) -> tuple[Compared, ...]:
    """Everything that was compared, one line each: files, reference, replicas, and each replica."""
    rows = [_row(f"file {f.path}", short(f.before), short(f.after), f.before == f.after) for f in files]
    reference = (short(before.image_id), short(after.image_id))
    rows.append(_row(f"image {before.image_ref}", *reference, before.image_id == after.image_id))
    was, now = len(before.containers), len(after.containers)
    rows.append(_row("replicas", str(was), str(now), was == now))
    old, new = ({c.number: c for c in s.containers} for s in (before, after))
    for number in sorted(old.keys() | new.keys()):
        rows += _container_rows(old.get(number), new.get(number))
    return tuple(rows)


def _container_rows(old: ContainerState | None, new: ContainerState | None) -> list[Compared]:
    name = next(c.name for c in (old, new) if c is not None)
    if old is None or new is None:
        return [_row(f"container {name}", _state(old), _state(new), False)]  # noqa: FBT003 - the row's last column
    well = (
        all_as_good([old], [new])
        and old.up == new.up
        and (new.health == "healthy" or old.health != "healthy")
    )
    return [
        _row(
            f"container {name} image", short(old.image_id), short(new.image_id), old.image_id == new.image_id
        ),
        _row(f"container {name} state", _state(old), _state(new), well),
        _row(
            f"container {name} configuration",
            short(old.config_hash or None),
            short(new.config_hash or None),
            old.config_hash == new.config_hash,
        ),
    ]


def as_table(rows: Iterable[Compared]) -> tuple[str, ...]:
    """The comparison as aligned text, a heading first."""
    lines = [("", "before the run", "after the rollback", "")]
    lines += [(row.what, row.before, row.after, "same" if row.same else "DIFFERENT") for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    return tuple(
        "  ".join((*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[3])).rstrip()
        for line in lines
    )


def short(digest: str | None) -> str:
    """Twelve characters of an id or a checksum, as people compare them."""
    return NOTHING if digest is None else digest.removeprefix("sha256:")[:12]


def _row(what: str, before: str, after: str, same: bool) -> Compared:
    return Compared(what=what, before=before, after=after, same=same)


def _state(container: ContainerState | None) -> str:
    if container is None:
        return NOTHING
    return container.status + (f", {container.health}" if container.health else "")


def _statuses(snapshot: ServiceSnapshot) -> str:
    return ", ".join(f"{c.name} {c.status}" for c in snapshot.containers)
