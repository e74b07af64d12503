"""The spool: a name stands for one inode, and only whoever holds that one may take it away (I6)."""

import asyncio
import gc
import os
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities.adapters.artifact_store import ArtifactStore
from activities.adapters.breaker import Breaker
from activities.adapters.carrying import carry
from activities.adapters.delivering import Delivering
from activities.adapters.depot import DepotError, Evidence
from activities.adapters.directory_depot import DirectoryDepot
from activities.adapters.spool import Spool
from workflows.errors import OrchestratorError
from workflows.models.artifact import ArtifactState

RUN = "0190a1b2-run"


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    """A local store in a fresh directory."""
    return ArtifactStore(tmp_path / "spool", DirectoryDepot(tmp_path / "artifacts"))


class LateDepot(DirectoryDepot):
    """A store that lets others go first: what happens meanwhile is the test's."""

    meanwhile = staticmethod(lambda: None)

    def keep(self, evidence: Evidence, source: object, *, patient: bool = False) -> None:
        """Keep it, after whatever the test does meanwhile."""
        super().keep(evidence, source, patient=patient)  # type: ignore[arg-type]
        type(self).meanwhile()


async def test_newer_file_survives_a_late_upload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A retried step writes the same name while the old one is still on its way."""
    depot = LateDepot(tmp_path / "artifacts")
    store = ArtifactStore(tmp_path / "spool", depot)
    monkeypatch.setattr(
        LateDepot, "meanwhile", staticmethod(lambda: store.waiting.add(RUN, "plan.json", b"new"))
    )
    first = await store.put(RUN, "plan.json", b"old")
    assert first.state is ArtifactState.STORED
    assert store.waiting.path(RUN, "plan.json").read_bytes() == b"new"
    monkeypatch.setattr(LateDepot, "meanwhile", staticmethod(lambda: None))
    (delivered,) = await store.deliver(RUN)
    assert depot.read(RUN, "plan.json") == b"new"
    assert delivered.state is ArtifactState.STORED


async def test_replaced_file_is_not_carried_under_the_old_checksum(store: ArtifactStore) -> None:
    """Whoever comes too late for its own bytes carries nobody else's."""
    old = store.describe(RUN, "plan.json", ArtifactState.STORED, "0" * 64, 3)
    path, inode = store.waiting.add(RUN, "plan.json", b"old")
    store.waiting.add(RUN, "plan.json", b"new")
    assert not carry(store.waiting, store.depot, store.evidence(RUN, old), path, inode)
    assert store.depot.find(RUN, "plan.json") is None


def test_growing_file_is_nobody_elses(store: ArtifactStore) -> None:
    """The writer's lock holds until it is closed, also against another process's delivery."""
    writer = store.open(RUN, "build.log")
    writer.write(b"step 1\n")
    path = store.waiting.path(RUN, "build.log")
    assert store.waiting.grows(path)
    assert not Delivering(store, idle_seconds=-1).anything()
    assert asyncio.run(writer.close()).state is ArtifactState.STORED


def test_log_that_nobody_closes_is_let_go(store: ArtifactStore) -> None:
    """A step that ended in an error of ours leaves its log to the delivery, not to a lock."""
    writer = store.open(RUN, "build.log")
    writer.write(b"half\n")
    del writer
    gc.collect()
    assert Delivering(store, idle_seconds=-1).anything()


async def test_earlier_log_stays_until_the_first_bytes_of_the_next(store: ArtifactStore) -> None:
    """A worker that dies between opening a log and going on with it loses nothing of the earlier attempt."""
    store.waiting.add(RUN, "build.log", b"the first attempt\n")
    writer = store.open(RUN, "build.log")
    assert store.waiting.path(RUN, "build.log").read_bytes() == b"the first attempt\n"
    writer.write(b"the first attempt\nthe second\n")
    assert store.waiting.path(RUN, "build.log").read_bytes() == b"the first attempt\nthe second\n"
    await writer.close()


def test_what_a_killed_worker_had_begun_is_tidied_away(tmp_path: Path) -> None:
    """Its file has no name yet and nobody's lock; one that somebody is just writing stays."""
    spool = Spool(tmp_path / "spool")
    (tmp_path / "spool").mkdir()
    fd, begun = spool.begin(RUN, "plan.json")
    spool.tidy(RUN)
    assert begun.exists()
    os.close(fd)  # as a kill does
    spool.tidy(RUN)
    assert spool.runs() == ()


def test_directory_may_go_while_somebody_begins(tmp_path: Path) -> None:
    """Tidying up an emptied directory never costs an artifact."""
    spool, stop = Spool(tmp_path / "spool"), threading.Event()
    (tmp_path / "spool").mkdir()

    def tidy() -> None:
        while not stop.is_set():
            spool.tidy(RUN)

    thread = threading.Thread(target=tidy)
    thread.start()
    try:
        for number in range(100):
            path, _ = spool.add(RUN, "plan.json", str(number).encode())
            assert path.read_bytes() == str(number).encode()
            path.unlink()
    finally:
        stop.set()
        thread.join()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(["plan.json", "build.log"]), st.binary(max_size=64)), max_size=8))
def test_last_written_is_what_is_delivered(tmp_path: Path, written: list[tuple[str, bytes]]) -> None:
    """However often a name is written before the store is back, the last bytes arrive, and nothing waits."""
    root = tmp_path / os.urandom(6).hex()
    store = ArtifactStore(root / "spool", DirectoryDepot(root / "artifacts"))
    root.mkdir()
    for name, data in written:
        store.waiting.add(RUN, name, data)
    asyncio.run(Delivering(store, idle_seconds=-1).deliver())
    for name, data in dict(written).items():
        assert store.depot.read(RUN, name) == data
    assert store.waiting.runs() == ()


async def test_one_unreadable_file_stops_no_other(store: ArtifactStore) -> None:
    """A file that cannot be carried is told; the rest goes over."""
    store.waiting.add(RUN, "plan.json", b"{}")
    store.waiting.add(RUN, "verify.log", b"fine")
    blocked = store.depot
    assert isinstance(blocked, DirectoryDepot)
    blocked.path(RUN, "plan.json").mkdir(parents=True)  # a directory where the file should be
    done = await Delivering(store, idle_seconds=-1).deliver()
    assert (done.delivered, done.waiting) == (1, 1)
    assert "plan.json" in done.problem


async def test_lost_run_is_delivered_after_an_hour(store: ArtifactStore) -> None:
    """No manifest will come: its evidence is brought over once nothing was written for an hour."""
    path, _ = store.waiting.add(RUN, "build.log", b"half")
    assert not Delivering(store).anything()
    hour_ago = time.time() - 3700
    os.utime(path, (hour_ago, hour_ago))
    assert Delivering(store).anything()
    assert (await Delivering(store).deliver()).delivered == 1


def test_breaker_lets_one_through_after_each_pause() -> None:
    """Closed; open; one question per pause; closed again by a success."""
    now = 0.0
    breaker = Breaker(pause_seconds=30, clock=lambda: now)
    assert [breaker.admits(), breaker.admits()] == [True, True]
    breaker.failed()
    assert not breaker.admits()
    now = 30.0
    assert [breaker.admits(), breaker.admits()] == [True, False]
    now = 60.0
    assert breaker.admits()
    breaker.succeeded()
    assert [breaker.admits(), breaker.admits()] == [True, True]


def test_problem_of_a_store_is_an_error_of_the_disk_too() -> None:
    """Whoever expects a disk that is full copes with a store that is away."""
    problem = OrchestratorError("store_unreachable", place="http://minio:9000/b", detail="refused")
    assert isinstance(DepotError(problem), OSError)
    assert DepotError(problem).problem is problem
