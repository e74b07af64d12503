"""The pure verdicts: healthy or not, neighbours untouched or not, restored or not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.models.snapshot import ContainerState
from workflows.models.verification import Verification
from workflows.verdict import (
    EAGER_SECONDS,
    Check,
    Verdict,
    Watch,
    check_replicas,
    prove,
)

T0 = datetime(2026, 1, 1, tzinfo=UTC)
T1 = T0 + timedelta(minutes=5)
RULES = Verification(max_wait_seconds=60, stability_window_seconds=10)
GOOD = (Check("state", ok=True, detail="api-1 is running"),)
BAD = (Check("http http://x/", ok=False, detail="503, wanted 200"),)
CRASH = (Check("state", ok=False, detail="api-1 exited with code 1", crashed=True),)


def container(name: str = "api-1", **facts: Any) -> ContainerState:
    """A running container."""
    service, _, number = name.rpartition("-")
    base = {"id": f"id-{name}", "name": name, "service": service, "number": int(number), "status": "running"}
    return ContainerState(**{**base, "started_at": T0, "image_id": "sha256:old", "config_hash": "h", **facts})


def run(*rounds: tuple[float, tuple[Check, ...]], rules: Verification = RULES) -> Verdict | None:
    """Feed rounds of checks into a watch; the verdict of the last one."""
    watch, verdict = Watch(rules), None
    for at, checks in rounds:
        assert verdict is None, "a verdict was reached before the last round"
        watch, verdict = watch.judge(at, checks)
    return verdict


@pytest.mark.parametrize(
    ("rounds", "code"),
    [
        ([(1, GOOD), (11, GOOD)], None),
        ([(59, BAD), (59.5, GOOD), (69.5, GOOD)], None),  # the window may reach beyond the maximum wait
        ([(1, GOOD), (5, BAD), (6, GOOD), (16, GOOD)], None),
        ([(1, BAD), (60, BAD)], "health_timeout"),
        ([(1, GOOD), (5, BAD), (60, BAD)], "not_stable"),
        ([(59, GOOD), (65, BAD)], "not_stable"),
        ([(1, CRASH)], "container_crashed"),
        ([(1, GOOD), (5, CRASH)], "container_crashed"),
        ([(1, (*BAD, *CRASH))], "container_crashed"),
    ],
)
def test_how_a_verification_ends(rounds: list[tuple[float, tuple[Check, ...]]], code: str | None):
    """Passing takes the whole window; a crash fails at once; time decides the rest."""
    verdict = run(*rounds)
    assert verdict is not None
    assert verdict.code == code


@pytest.mark.parametrize(
    "rounds",
    [
        [(1, GOOD), (10.9, GOOD)],
        [(1, BAD), (59.9, BAD)],
        [(1, GOOD), (9, BAD), (12, GOOD)],  # the window begins anew
        [(59, GOOD), (68, GOOD)],
    ],
)
def test_what_is_still_open(rounds: list[tuple[float, tuple[Check, ...]]]):
    """Neither good for long enough nor out of time."""
    assert run(*rounds) is None


def test_the_detail_names_what_was_bad_last():
    """An operator reads which check failed and how."""
    verdict = run((60, BAD))
    assert verdict == Verdict("health_timeout", "http http://x/: 503, wanted 200")


def test_no_window_means_one_good_look():
    """A stability window of 0 passes with the first good round."""
    assert run((0.1, GOOD), rules=Verification(stability_window_seconds=0)) == Verdict(None)


@given(at=st.floats(0, 3600), quick=st.integers(0, 10_000), good=st.booleans())
def test_pauses_are_bounded(at: float, quick: int, good: bool):
    """Never zero, never longer than 5 s, at most 50 ms in the first 30 s (SPEC FR-007)."""
    watch = Watch(RULES, good_since=at if good else None)
    pause = watch.pause(at, quick)
    assert 0 < pause <= 5
    if at < EAGER_SECONDS and not good:
        assert pause <= 0.05


def test_pauses_grow_and_start_anew_with_news_from_docker():
    """Exponential from 20 ms to 50 ms, later up to seconds; an event makes the next look quick."""
    watch = Watch(Verification(max_wait_seconds=600))
    assert [watch.pause(0, n) for n in range(4)] == [0.02, 0.04, 0.05, 0.05]
    assert watch.pause(31, 50) < watch.pause(60, 50) < watch.pause(90, 50) <= 5
    assert watch.pause(90, 0) == 0.02


@pytest.mark.parametrize(
    ("containers", "ok", "crashed", "says"),
    [
        ([container()], True, False, "api-1 is running"),
        ([container(status="created")], False, False, "api-1 is created"),
        ([container(status="paused")], False, False, "api-1 is paused"),
        ([container(status="exited", exit_code=3)], False, True, "api-1 exited with code 3"),
        ([container(status="exited", exit_code=0)], False, True, "api-1 exited with code 0"),
        ([container(status="exited", exit_code=137, oom_killed=True)], False, True, "out of memory"),
        ([container(restart_count=1)], False, True, "restarted by Docker 1 time"),
        ([container(status="restarting", exit_code=2, restart_count=3)], False, True, "3 times, last"),
    ],
)  # fmt: skip
def test_state_of_one_replica(containers: list[ContainerState], ok: bool, crashed: bool, says: str):
    """Running is good; exited or a grown restart count is a crash; anything else is a wait."""
    (check,) = check_replicas(tuple(containers), 1, {})
    assert (check.ok, check.crashed) == (ok, crashed)
    assert says in check.detail


def test_every_replica_counts():
    """One sick replica of three makes the service bad; the crashed one is named."""
    replicas = (container("api-1"), container("api-2", status="exited", exit_code=1), container("api-3"))
    (check,) = check_replicas(replicas, 3, {})
    assert check.crashed
    assert check.detail == "api-2 exited with code 1"
    (check,) = check_replicas(replicas[:1], 3, {})
    assert not check.ok
    assert "1 of 3 containers exist" in check.detail
    (check,) = check_replicas((), 1, {})
    assert not check.ok


def test_old_restarts_are_not_held_against_a_container():
    """Only what grows after the restart is a crash."""
    old = container(restart_count=5)
    assert check_replicas((old,), 1, {old.id: 5})[0].ok
    assert check_replicas((old,), 1, {old.id: 4})[0].crashed


@pytest.mark.parametrize(
    ("health", "ok"),
    [(("healthy", "healthy"), True), (("healthy", "starting"), False), (("unhealthy",), False)],
)
def test_health_check(health: tuple[str, ...], ok: bool):
    """Where there is a health check, every replica must be healthy; unhealthy may still recover."""
    replicas = tuple(container(f"api-{n}", health=word) for n, word in enumerate(health, 1))
    state, check = check_replicas(replicas, len(replicas), {})
    assert state.ok
    assert (check.name, check.ok, check.crashed) == ("health", ok, False)


DB = container("db-1")


@pytest.mark.parametrize(
    ("after", "changed"),
    [
        ((DB,), ()),
        ((container("db-1", health="unhealthy"),), ()),  # it may miss the service it depends on
        ((), ("db-1 (gone)",)),
        ((container("db-1", id="other"),), ("db-1 (recreated)",)),
        ((DB, container("side-1")), ("side-1 (new)",)),
        ((container("db-1", started_at=T1),), ("db-1 (restarted)",)),
        ((container("db-1", status="paused"),), ("db-1 (paused)",)),
        ((container("db-1", status="exited", exit_code=143),), ("db-1 (stopped)",)),
        ((container("db-1", status="exited", exit_code=137),), ("db-1 (stopped)",)),
        ((container("db-1", status="exited", exit_code=1, restart_policy="always"),), ("db-1 (stopped)",)),
    ],
)
def test_what_happened_to_a_neighbour(after: tuple[ContainerState, ...], changed: tuple[str, ...]):
    """Stopped, recreated or restarted: each is named (I3)."""
    proof = prove((DB,), after, (), ())
    assert proof.changed == changed
    assert proof.untouched is (not changed)
    assert proof.self_restarted == ()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (DB, container("db-1", started_at=T1, restart_count=1, restart_policy="always")),
        (DB, container("db-1", status="restarting", restart_count=1, restart_policy="on-failure")),
        (container("db-1", status="restarting"), container("db-1", started_at=T1)),
        (DB, container("db-1", status="exited", exit_code=1)),
        (DB, container("db-1", status="exited", exit_code=0)),  # a job that completed
        (DB, container("db-1", status="exited", exit_code=137, oom_killed=True)),
    ],
)  # fmt: skip
def test_a_neighbour_that_crashes_by_itself_is_not_ours(before: ContainerState, after: ContainerState):
    """It is reported, and the run is not to blame."""
    proof = prove((before,), (after,), (), ("db",) if not after.up else ())
    assert proof.untouched
    assert len(proof.self_restarted) == 1


def test_a_stop_request_outweighs_a_clean_exit_code():
    """A process that handles SIGTERM exits 0; Docker's event log says that it was asked to."""
    after = container("db-1", status="exited", exit_code=0)
    assert prove((DB,), (after,), (), (), frozenset({DB.id})).changed == ("db-1 (stopped)",)


def test_a_neighbour_that_was_down_stays_down():
    """Without --no-deps a completed migration would run again: that is seen."""
    migration = container("mig-1", status="exited", exit_code=0)
    again = container("mig-1", status="exited", exit_code=0, started_at=T1)
    assert prove((migration,), (migration,), ("mig",), ("mig",)).untouched
    assert prove((migration,), (again,), (), ()).changed == ("mig-1 (started)",)
    assert prove((migration,), (container("mig-1", started_at=T1),), (), ()).changed == ("mig-1 (started)",)


def test_a_plain_up_must_not_have_more_to_do_than_before():
    """The dry run after the run names no service that the one before did not."""
    assert prove((DB,), (DB,), ("mig",), ("mig",)).untouched
    proof = prove((DB,), (DB,), ("mig",), ("mig", "side"))
    assert not proof.untouched
    assert proof.dry_run_new == ("side",)


states = st.builds(
    container,
    st.sampled_from(["db-1", "db-2", "side-1"]),
    status=st.sampled_from(["running", "exited", "restarting", "created"]),
    started_at=st.sampled_from([T0, T1]),
    restart_count=st.integers(0, 2),
    exit_code=st.sampled_from([0, 1, 137, 143]),
)


@given(st.lists(states, unique_by=lambda state: state.id), st.sets(st.sampled_from("abc")))
def test_nothing_changed_is_always_proven(everyone: list[ContainerState], dry: set[str]):
    """The same measurement twice never accuses anybody."""
    proof = prove(tuple(everyone), tuple(everyone), dry, dry)
    assert (proof.untouched, proof.changed, proof.self_restarted) == (True, (), ())


@pytest.mark.parametrize(
    ("before", "after", "killed", "excused"),
    [
        (container("db-1", restart_policy="always"), {"started_at": T1}, False, True),
        (DB, {"status": "exited", "exit_code": 137}, False, True),
        (DB, {"status": "exited", "exit_code": 143}, False, True),
        (container("db-1", restart_policy="on-failure"), {"status": "exited", "exit_code": 0}, False, True),
        (container("db-1", restart_policy="unless-stopped"), {"status": "exited"}, False, True),
        (
            container("db-1", status="exited", restart_policy="always"),
            {"status": "running", "started_at": T1},
            False,
            True,
        ),
        (container("db-1", restart_policy="always"), {"started_at": T1}, True, False),
        (DB, {"started_at": T1}, False, False),  # no policy starts it: somebody did
        (DB, {"status": "exited", "exit_code": 137, "image_id": "sha256:new"}, False, False),
        (DB, {"status": "exited", "exit_code": 137, "config_hash": "i"}, False, False),
        (DB, {"status": "paused"}, False, False),
        (container("db-1", restart_policy="always"), {"status": "exited", "exit_code": 1}, False, False),
    ],
)
def test_what_a_restart_of_the_daemon_excuses(
    before: ContainerState, after: dict[str, Any], killed: bool, excused: bool
):
    """Another start under a policy, or down without one; nothing else, and nothing that somebody ordered."""
    asked = frozenset({before.id}) if killed else frozenset()
    changed = before.model_copy(update=after)
    proof = prove((before,), (changed,), (), ("db",) if excused else (), asked, daemon_restarted=True)
    assert proof.daemon_restarted
    assert proof.untouched is excused
    assert proof.excused == (("db-1",) if excused else ())
    assert not prove((before,), (changed,), (), (), frozenset({before.id})).untouched


def test_a_restart_of_the_daemon_excuses_no_recreated_container():
    """Another id is somebody's doing, whatever else happened."""
    proof = prove((DB,), (container("db-1", id="other"),), (), (), daemon_restarted=True)
    assert proof.changed == ("db-1 (recreated)",)
