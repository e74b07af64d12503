"""Whose container, whose image: the pure rules that keep a run's hands off others' work (I8)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.models.marks import ImageMark, Window
from workflows.models.snapshot import ContainerState
from workflows.ownership import (
    newly_made,
    reference_is_ours,
    started_by_others,
    stopped_by_others,
    strangers,
    taken_away,
)

T0 = datetime(2026, 1, 1, tzinfo=UTC)
OURS, THEIRS = "sha256:ours", "sha256:theirs"


def at(minute: float) -> datetime:
    """Minutes after the journal was opened."""
    return T0 + timedelta(minutes=minute)


def container(id_: str, minute: float = -60, **facts: Any) -> ContainerState:
    """A container of the service, made at this minute; by default long before the run."""
    base = {"id": id_, "name": f"api-{id_}", "service": "api", "status": "running", "image_id": "sha256:old"}
    return ContainerState(**{**base, "created_at": at(minute), **facts})


OLD = container("old")
OPEN = Window(began_at=at(5), image_id=OURS)
OVER = Window(began_at=at(5), ended_at=at(6), image_id=OURS)


@pytest.mark.parametrize(
    ("present", "made", "ups", "found"),
    [
        ((OLD,), (), (), ()),
        ((OLD, container("new", 5.5, image_id=OURS)), (), (), ("new",)),  # before any up of ours
        ((container("new", 5.5, image_id=OURS),), ("new",), (OVER,), ()),
        ((container("new", 5.5, image_id=OURS),), (), (OVER,), ("new",)),  # that up has noted what it made
        ((container("new", 5.5, image_id=OURS),), (), (OPEN,), ()),  # killed before it could note it
        ((container("new", 4.5, image_id=OURS),), (), (OPEN,), ("new",)),  # made before it began
        ((container("new", 5.5, image_id=THEIRS),), (), (OPEN,), ("new",)),  # not what it was to run
        ((container("new", 5.5, created_at=None, image_id=OURS),), (), (OPEN,), ("new",)),
        ((OLD, container("made"), container("third", 9)), ("made",), (OVER,), ("third",)),
    ],
)
def test_whose_container(
    present: tuple[ContainerState, ...],
    made: tuple[str, ...],
    ups: tuple[Window, ...],
    found: tuple[str, ...],
):
    """Of before, noted, or made by an up that was killed: ours. Anything else is somebody's."""
    assert tuple(c.id for c in strangers(present, (OLD,), made, ups)) == found


def test_what_an_unfinished_up_has_made_is_noted_once_it_is_over():
    """The note takes over exactly what the rule held to be ours."""
    fresh, theirs = container("new", 5.5, image_id=OURS), container("their", 5.5, image_id=THEIRS)
    assert newly_made((OLD, fresh, theirs), (OLD,), (OPEN,)) == ("new",)
    assert newly_made((OLD, fresh, theirs), (OLD,), (OVER,)) == ()


@given(st.integers(-10, 10), st.sampled_from([OURS, THEIRS]), st.booleans(), st.booleans())
def test_noting_makes_nobody_elses_container_ours(minute: int, image: str, over: bool, before: bool):
    """With the note instead of the open window the verdict is the same for every container."""
    some = container("new", minute, image_id=image)
    known = (OLD, some) if before else (OLD,)
    ups = (OVER,) if over else (OPEN,)
    noted = newly_made((some,), known, ups)
    assert strangers((some,), known, (), ups) == strangers((some,), known, noted, (OVER,))


@pytest.mark.parametrize(
    ("present", "ups", "gone"),
    [
        ((OLD,), (), ()),
        ((), (), ("old",)),
        ((container("new", 3),), (), ("old",)),
        ((), (OPEN,), ()),  # our own up may have removed it
        ((), (OVER,), ()),
    ],
)
def test_who_took_a_container_away(
    present: tuple[ContainerState, ...], ups: tuple[Window, ...], gone: tuple[str, ...]
):
    """Before our first up nobody but somebody else removes a container."""
    assert tuple(c.id for c in taken_away((OLD,), present, ups)) == gone


DOWN = container("old", status="exited", exit_code=143)


@pytest.mark.parametrize(
    ("before", "now", "orders", "ups", "found"),
    [
        (OLD, DOWN, [("old", at(3))], (), True),
        (OLD, DOWN, [], (), False),  # a crash, or a daemon that restarted and does not remember
        (OLD, DOWN, [("other", at(3))], (), False),
        (OLD, OLD, [("old", at(3))], (), False),  # stopped and started again: it runs
        (OLD, DOWN, [("old", at(5.5))], (OPEN,), False),  # our own up stopped it
        (OLD, DOWN, [("old", at(3))], (OPEN,), True),
        (DOWN, DOWN, [("old", at(3))], (), False),  # it was down before
        (container("old", restart_policy="always"), DOWN, [], (), True),
        (container("old", restart_policy="unless-stopped"), DOWN, [], (OPEN,), False),
        (container("old", restart_policy="on-failure"), DOWN, [], (), False),
    ],
)
def test_who_stopped_a_container(
    before: ContainerState,
    now: ContainerState,
    orders: list[tuple[str, datetime]],
    ups: tuple[Window, ...],
    found: bool,
):
    """An order that was not ours, or a policy under which only an order leaves it down."""
    seen = stopped_by_others((before,), (now,), orders, ups, daemon_restarted=False)
    assert bool(seen) is found
    anew = stopped_by_others((before,), (now,), orders, ups, daemon_restarted=True)
    assert not anew, "a restarted daemon ends what survived its crash, and remembers that as an order"


@pytest.mark.parametrize(
    ("before", "now", "ups", "restarted", "found"),
    [
        (DOWN, OLD, (), False, True),
        (DOWN, OLD, (), True, False),  # ``always`` starts it with the daemon
        (DOWN, OLD, (OVER,), False, False),
        (OLD, OLD, (), False, False),
        (DOWN, DOWN, (), False, False),
    ],
)
def test_who_started_a_container(
    before: ContainerState, now: ContainerState, ups: tuple[Window, ...], restarted: bool, found: bool
):
    """Only before our first up, and not where the daemon was started anew."""
    assert bool(started_by_others((before,), (now,), ups, daemon_restarted=restarted)) is found


@pytest.mark.parametrize(
    ("mark", "build", "ours"),
    [
        (ImageMark(id="old"), None, True),
        (ImageMark(id="made"), None, True),
        (ImageMark(id="x", project="shop", service="api", touched_at=at(3)), None, False),
        (ImageMark(id="x", project="shop", service="api", touched_at=at(5.5)), OPEN, True),
        (ImageMark(id="x", project="shop", service="api", touched_at=at(4.5)), OPEN, False),
        (ImageMark(id="x", project="shop", service="api", touched_at=at(5.5)), OVER, False),
        (ImageMark(id="x", project="shop", service="store", touched_at=at(5.5)), OPEN, False),
        (ImageMark(id="x", project="shop", service="api"), OPEN, False),
        (ImageMark(id="x", touched_at=at(5.5)), OPEN, False),  # tagged by hand
    ],
)
def test_whose_image(mark: ImageMark, build: Window | None, ours: bool):
    """Of before, noted, or named during a build of ours that was killed."""
    builds = (build,) if build else ()
    assert reference_is_ours(mark, ("old", "made", None), builds, "shop", "api") is ours
