"""The doctor's checks for operations, on real files and a real Temporal server."""

import asyncio
import json
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import docker
import pytest
from temporalio.testing import WorkflowEnvironment

from activities.adapters.journal import JournalStore, Settlement
from activities.adapters.leftovers import Kind, Leftover, RunLeft
from activities.adapters.state_dir import StateDir
from starter.signing import new_key
from tests.integration.embedded_parts import wire_ping
from tests.integration.ping_workflow import HOST
from tests.unit.state_samples import journal
from worker import operating
from worker.checkup import Grade
from worker.clock import apart
from worker.embedded import embedded_stack
from worker.settings import WorkerSettings, load_settings
from worker.temporal_server import temporal_executable
from workflows.errors import OrchestratorError

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkerSettings:
    """Of a state directory that is there and empty."""
    for name in ("TEMPORAL_ADDRESS", "MM_ORCHESTRATOR_POLICY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MM_ORCHESTRATOR_STATE_DIR", str(tmp_path / "state"))
    StateDir(tmp_path / "state")
    return load_settings()


def of(days: float, size: int) -> RunLeft:
    """A run of so many days ago that took so many bytes."""
    left = Leftover(Kind.ARTIFACTS, f"/x/{days}", NOW - days * DAY, size)
    return RunLeft(f"r{days}", files=(left,))


@pytest.mark.parametrize(
    ("runs", "needed"),
    [
        pytest.param((), None, id="none"),
        pytest.param((of(1, 10), of(2, 10)), None, id="too few"),
        pytest.param((of(10, 100), of(5, 200), of(0, 300)), 600 * 9, id="three in ten days"),
        pytest.param((of(0.1, 10), of(0.2, 10), of(0.3, 10)), 30 * 90, id="of one day"),
    ],
)
def test_what_the_retention_will_need(runs: tuple[RunLeft, ...], needed: int | None) -> None:
    """Bytes per run, by runs per day, by days."""
    assert operating.bytes_needed(runs, NOW, 90) == (None if needed is None else pytest.approx(needed, abs=2))


def test_too_little_room_is_a_failure(settings: WorkerSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of this kind would fill the disk before any of them may go."""
    for number in range(operating.ENOUGH_RUNS):
        directory = settings.state_dir / "artifacts" / "spec_workflows" / f"run-{number}"
        directory.mkdir(parents=True)
        (directory / "build.log").write_bytes(b"x" * 100_000)
    assert operating.room(settings)[0] is Grade.OK

    class Full:
        f_bavail, f_frsize = 10, 4096

    monkeypatch.setattr("worker.operating.os.statvfs", lambda _: Full())
    with pytest.raises(OrchestratorError) as refused:
        operating.room(settings)
    assert refused.value.code == "disk_full"
    assert "90 days" in refused.value.message


@pytest.mark.parametrize(
    ("told", "seconds"),
    [(-10, -10), (0, 0), (1, 0), (2, 0), (70, 68)],
    ids=["behind", "a", "b", "c", "ahead"],
)
def test_clocks_are_compared_by_an_interval(told: float, seconds: float) -> None:
    """What the way there and back takes is no difference."""
    difference = apart(NOW + timedelta(seconds=told), NOW, NOW + timedelta(seconds=2))
    assert difference == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("seconds", "grade"),
    [(0, Grade.OK), (5, Grade.OK), (-6, Grade.NOTE), (60, Grade.NOTE), (None, Grade.NOTE)],
)
def test_a_small_difference_is_a_note(seconds: float | None, grade: Grade) -> None:
    """Approvals live for minutes."""
    difference = None if seconds is None else timedelta(seconds=seconds)
    assert operating.judged_clock(difference)[0] is grade


def test_a_minute_is_a_failure() -> None:
    """In either direction."""
    with pytest.raises(OrchestratorError) as refused:
        operating.judged_clock(timedelta(seconds=-61))
    assert (refused.value.code, "61 s" in refused.value.message) == ("clock_skew", True)


def test_a_key_that_others_can_read_is_a_failure(settings: WorkerSettings) -> None:
    """It says which one, and what to type."""
    made = new_key("ann", settings.state_dir / "keys")
    assert operating.keys(settings)[0] is Grade.OK
    made.path.chmod(0o640)
    with pytest.raises(OrchestratorError) as refused:
        operating.keys(settings)
    assert refused.value.code == "key_unreadable"
    assert str(made.path) in refused.value.message


def test_a_journal_that_is_open_for_a_day_is_named(settings: WorkerSettings) -> None:
    """With what to type; a younger one is a run at work."""
    journals = JournalStore(StateDir(settings.state_dir))
    base = journal(Path("/srv/shop"))
    end = Settlement(by="report", at=NOW, outcome="succeeded")
    young, settled = {"run_id": "young", "opened_at": NOW}, {"run_id": "done", "settled": end}
    for facts in (young, settled):
        journals.open(base.model_copy(update=facts))
    assert operating.journals(settings)[0] is Grade.OK
    journals.open(base.model_copy(update={"run_id": "lost", "opened_at": NOW - 2 * DAY}))
    grade, told = operating.journals(settings)
    assert grade is Grade.NOTE
    assert told.count("recover") == told.count("mm-orchestrator recover lost") == 1


async def test_what_clean_would_remove_is_a_note(
    settings: WorkerSettings, docker_engine: docker.DockerClient
) -> None:
    """And the rehearsal is named."""
    token = settings.state_dir / "used-tokens" / "abc"
    token.write_text(json.dumps({"attempt": "1", "expires_at": (NOW - 3 * DAY).isoformat()}))
    grade, told = await operating.leftovers(settings)
    assert (grade, "mm-orchestrator clean --dry-run" in told) == (Grade.NOTE, True)
    assert token.exists()


async def test_clock_and_worker_are_asked_of_a_real_server(
    settings: WorkerSettings, docker_engine: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No worker is a failure where the server is configured; a clock that is wrong is seen."""
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(temporal_executable()),
        dev_server_log_level="error",
        dev_server_startup_timeout=timedelta(seconds=60),
    ) as server:
        there = settings.model_copy(
            update={"temporal_address": server.client.service_client.config.target_host}
        )
        assert await operating.clock(there) == (Grade.OK, "as Temporal's")
        with pytest.raises(OrchestratorError) as refused:
            await operating.worker(there)
        assert refused.value.code == "worker_not_polling"
        monkeypatch.setattr("worker.clock.datetime", Late)
        with pytest.raises(OrchestratorError) as skewed:
            await operating.clock(there)
        assert skewed.value.code == "clock_skew"


class Late(datetime):
    """A clock that is two minutes behind."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "Late":  # type: ignore[override]
        """Two minutes ago."""
        return super().now(tz) - timedelta(minutes=2)  # type: ignore[return-value]


async def test_a_worker_that_polls_is_seen(settings: WorkerSettings) -> None:
    """Of whatever machine it is."""
    async with embedded_stack(settings, wire_ping) as stack:
        there = settings.model_copy(
            update={"temporal_address": stack.client.service_client.config.target_host, "host": HOST}
        )
        for _ in range(100):
            try:
                grade, told = await operating.worker(there)
            except OrchestratorError:
                await asyncio.sleep(0.1)
            else:
                assert (grade, HOST in told) == (Grade.OK, True)
                return
        pytest.fail("it was never seen")
