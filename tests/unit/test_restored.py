"""The pure comparison of before and after a rollback."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.models.record import FileTouched
from workflows.models.snapshot import ContainerState, ServiceSnapshot
from workflows.restored import as_table, compare_restored, side_by_side

T0 = datetime(2026, 1, 1, tzinfo=UTC)
T1 = T0 + timedelta(minutes=5)


def container(name: str = "api-1", **facts: Any) -> ContainerState:
    """A running container."""
    service, _, number = name.rpartition("-")
    base = {"id": f"id-{name}", "name": name, "service": service, "number": int(number), "status": "running"}
    return ContainerState(**{**base, "started_at": T0, "image_id": "sha256:old", "config_hash": "h", **facts})


def snapshot(*containers: ContainerState, image_id: str | None = "sha256:old") -> ServiceSnapshot:
    """The target at one instant."""
    return ServiceSnapshot(
        service="api", image_ref="p-api", image_id=image_id, containers=containers, taken_at=T0
    )


RUNNING = snapshot(container())


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (RUNNING, snapshot(container(id="recreated", started_at=T1)), []),
        (snapshot(image_id=None), snapshot(image_id=None), []),
        (snapshot(container(status="exited")), snapshot(container(status="created")), []),
        (snapshot(container(status="restarting")), RUNNING, []),
        (RUNNING, snapshot(), ["was running and is absent"]),
        (snapshot(), RUNNING, ["was absent and is running"]),
        (snapshot(container(status="exited")), RUNNING, ["was stopped and is running"]),
        (RUNNING, snapshot(container(image_id="sha256:new")), ["the containers ran old, now new"]),
        (RUNNING, snapshot(container(), image_id="sha256:new"), ["p-api pointed to old, now new"]),
        (snapshot(image_id=None), snapshot(), ["p-api pointed to nothing, now old"]),
        (RUNNING, snapshot(container(config_hash="i")), ["another compose configuration"]),
        (snapshot(container(), container("api-2")), RUNNING, ["there were 2 containers, now 1"]),
        (
            snapshot(container(), container("api-2")),
            snapshot(container(), container("api-2", status="exited")),
            ["2 containers were up, now 1"],
        ),
        (
            snapshot(container(health="healthy")),
            snapshot(container(health="unhealthy")),
            ["was healthy, now"],
        ),
        (snapshot(container(health="unhealthy")), snapshot(container(health="starting")), []),
        # a crash loop is up at every instant that one looks
        (RUNNING, snapshot(container(status="restarting")), ["was api-1 running, now: api-1 restarting"]),
        (snapshot(container(restart_count=9)), snapshot(container(status="restarting")), []),
        (snapshot(container(status="paused")), RUNNING, ["was api-1 paused, now: api-1 running"]),
        (
            snapshot(container(), container("api-2", image_id="sha256:2")),
            snapshot(container(image_id="sha256:2"), container("api-2", image_id="sha256:2")),
            ["the containers ran 2, old, now 2"],
        ),
    ],
)
def test_what_a_rollback_did_not_bring_back(before: ServiceSnapshot, after: ServiceSnapshot, says: list[str]):
    """Each difference is one sentence; a new container of the same image is no difference."""
    found = compare_restored(before, after)
    assert len(found) == len(says)
    for sentence, part in zip(found, says, strict=True):
        assert part in sentence


def test_a_rebuilt_image_may_have_another_id_but_must_exist():
    """Where the old image was gone, ids cannot match; everything else must."""
    rebuilt = snapshot(container(image_id="sha256:re"), image_id="sha256:re")
    assert compare_restored(RUNNING, rebuilt, rebuilt=True) == ()
    missing = snapshot(container(image_id="sha256:re"), image_id=None)
    assert compare_restored(RUNNING, missing, rebuilt=True) == ("p-api does not exist",)


def test_a_rebuilt_image_does_not_take_a_name_that_led_elsewhere():
    """Reference and container were on different images; only the container's was gone."""
    before = snapshot(container(image_id="sha256:gone"), image_id="sha256:tag")
    again = container(image_id="sha256:re")
    assert compare_restored(before, snapshot(again, image_id="sha256:tag"), rebuilt=True) == ()
    (said,) = compare_restored(before, snapshot(again, image_id="sha256:re"), rebuilt=True)
    assert said == "p-api pointed to tag, now re"


FILE = FileTouched(path="api/requirements.txt", before="a" * 64, after="a" * 64)


def test_the_comparison_as_a_table():
    """Aligned columns; what differs cannot be overlooked."""
    before = snapshot(container(health="healthy"))
    after = snapshot(container(health="unhealthy", image_id="sha256:new"))
    edited = FILE.model_copy(update={"path": "x", "after": None})
    table = as_table(side_by_side(before, after, (FILE, edited)))
    assert table == (
        "                               before the run    after the rollback",
        "file api/requirements.txt      aaaaaaaaaaaa      aaaaaaaaaaaa        same",
        "file x                         aaaaaaaaaaaa      nothing             DIFFERENT",
        "image p-api                    old               old                 same",
        "replicas                       1                 1                   same",
        "container api-1 image          old               new                 DIFFERENT",
        "container api-1 state          running, healthy  running, unhealthy  DIFFERENT",
        "container api-1 configuration  h                 h                   same",
    )


def test_replicas_that_are_gone_or_new_are_rows():
    """Absent before and after gives two rows only; one that appeared is named."""
    assert [row.same for row in side_by_side(snapshot(), snapshot(), ())] == [True, True]
    rows = side_by_side(snapshot(), RUNNING, ())
    assert [(row.what, row.before, row.after) for row in rows if not row.same] == [
        ("replicas", "0", "1"),
        ("container api-1", "nothing", "running"),
    ]


replicas = st.builds(
    container,
    st.sampled_from(["api-1", "api-2"]),
    status=st.sampled_from(["running", "exited", "created", "restarting", "paused"]),
    image_id=st.sampled_from(["sha256:old", "sha256:new"]),
    config_hash=st.sampled_from("hi"),
    health=st.sampled_from([None, "healthy", "unhealthy"]),
)
snapshots = st.builds(
    lambda containers, image: snapshot(*containers, image_id=image),
    st.lists(replicas, unique_by=lambda c: c.id),
    st.sampled_from([None, "sha256:old"]),
)


@given(snapshots, snapshots)
def test_sentences_and_table_never_contradict_each_other(before: ServiceSnapshot, after: ServiceSnapshot):
    """A table that says "same" throughout belongs to a complete rollback."""
    if all(row.same for row in side_by_side(before, after, ())):
        assert compare_restored(before, after) == ()


@given(snapshots)
def test_nothing_is_different_from_itself(one: ServiceSnapshot):
    """The same measurement twice is complete, in words and in the table."""
    assert compare_restored(one, one) == ()
    assert all(row.same for row in side_by_side(one, one, (FILE,)))


def test_a_container_that_a_killed_up_left_under_its_interim_name():
    """A rollback whose container is still called ``<hash>_<name>`` is not complete (I4)."""
    interim = snapshot(container(id="id-new").model_copy(update={"name": "967d2ea12a94_api-1"}))
    assert compare_restored(RUNNING, interim) == ("967d2ea12a94_api-1 does not have its name back",)
    assert compare_restored(interim, interim) == ()
