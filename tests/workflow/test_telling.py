"""People are told about a run on a real Temporal server, and the run never waits for it."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from activities.adapters.artifact_store import ArtifactStore
from activities.adapters.docker_engine import DockerEngine
from activities.adapters.journal import JournalStore
from activities.adapters.measuring import Metrics
from activities.adapters.outbox import Outbox
from activities.adapters.state_dir import StateDir
from activities.adapters.webhook import Webhook
from activities.notify import Notify
from activities.report import Report
from tests.unit.hook_server import Hook, hook_server
from tests.workflow.real_server import Town, town
from tests.workflow.scripted_host import GATE, ScriptedHost, failing
from worker.postman import Postman
from workflows import ports
from workflows.errors import OrchestratorError
from workflows.models.record import RollbackOutcome
from workflows.models.status import StepName

SOON = GATE.model_copy(update={"time_limit_seconds": 2.0, "warn_before_seconds": 0.5, "announced": True})
UNTOUCHED = {"DOCKER_HOST": "unix:///no/such/docker.sock", "PATH": ""}


@pytest.fixture
def hook() -> Iterator[Hook]:
    """A receiver."""
    with hook_server() as listening:
        yield listening


def told_host(state: StateDir, **fields: Any) -> ScriptedHost:
    """A scripted host with the real notify and report steps."""
    host, outbox = ScriptedHost(**fields), Outbox(state, first_delay=timedelta(milliseconds=100))
    engine = DockerEngine.from_environment(UNTOUCHED)
    report = Report(JournalStore(state), ArtifactStore.in_state_dir(state), engine, Metrics(), outbox=outbox)
    host.answers["notify"] = Notify(outbox).notify
    host.answers["report"] = report.report
    return host


def delivering(state: StateDir, hook: Hook) -> dict[str, Any]:
    """The wiring of a postman who does not wait long."""
    postman = Postman(Outbox(state, first_delay=timedelta(milliseconds=100)),
                      Webhook(hook.url, "s", timeout_seconds=60), look_seconds=0.05)  # fmt: skip
    return {"beside": lambda _client: (postman.forever,)}


async def until(hook: Hook, events: list[str]) -> None:
    """Wait (bounded) for exactly these."""
    for _ in range(3000):
        if len(hook.events) >= len(events):
            break
        await asyncio.sleep(0.02)
    assert sorted(hook.events) == sorted(events)


async def run(place: Town, **fields: Any) -> dict[str, Any]:
    """A run to its end."""
    handle = await place.start(**fields)
    return await asyncio.wait_for(handle.result(), 60)  # type: ignore[no-any-return]


async def test_a_run_is_told_about_at_each_event(hook: Hook, tmp_path: Path) -> None:
    """Waiting, nearly over; rolled back; rollback incomplete; circuit breaker: each once, all signed."""
    state = StateDir(tmp_path / "state")
    host = told_host(state, gate=SOON, max_rounds=1)
    async with town(host, **delivering(state, hook)) as place:
        assert (await run(place, requested_by="dave"))["code"] == "approval_expired"
        await until(hook, ["awaiting_approval", "approval_expiring"])
        waiting, expiring = (request.fields for request in hook.got)
        assert waiting["plan_digest"] == host.jobs["notify"][0].notification.plan_digest
        assert waiting["deadline"] == expiring["deadline"]
        assert waiting["id"] != expiring["id"]
        hook.got.clear()
        host.gate = GATE.model_copy(update={"protected": False, "announced": True})
        failed = ports.VerifyResult(failure=failing("health_timeout", StepName.VERIFY))
        left = RollbackOutcome(complete=False, state="half", mismatches=("image",))
        host.then("verify", failed, failed)
        host.then("rollback", host.answers["rollback"], ports.RollbackResult(outcome=left))
        often = OrchestratorError("circuit_open", service="api", count=3, limit=3, again="tomorrow")
        host.then("preflight", host.answers["preflight"], host.answers["preflight"], often)
        assert (await run(place))["status"] == "rolled_back"
        assert (await run(place))["code"] == "rollback_incomplete"
        assert (await run(place))["code"] == "circuit_open"
        await until(hook, ["rolled_back", "rollback_incomplete", "circuit_breaker_open"])
        assert (await run(place))["status"] == "succeeded"
    assert len(hook.got) == 3
    assert all("X-MM-Orchestrator-Signature" in request.headers for request in hook.got)


async def test_a_host_that_does_not_answer_about_it_holds_up_nothing(tmp_path: Path) -> None:
    """The notify step itself hangs: the run is approved and succeeds while it still does."""
    host = ScriptedHost(gate=SOON.model_copy(update={"time_limit_seconds": 3600.0}))
    hanging, let_go = asyncio.Event(), asyncio.Event()

    async def hang() -> ports.NotifyResult:
        hanging.set()
        await let_go.wait()
        return ports.NotifyResult()

    host.answers["notify"] = lambda _job: hang()
    async with town(host) as place:
        handle = await place.start(requested_by="dave")
        record = await place.until(handle, "awaiting_approval")
        await asyncio.wait_for(hanging.wait(), 60)
        await handle.signal("Approve", {"approver": "alice", "plan_digest": record.plan.digest})  # type: ignore[union-attr]
        assert (await asyncio.wait_for(handle.result(), 30))["status"] == "succeeded"
        let_go.set()


async def test_a_hanging_receiver_does_not_hold_up_a_run(hook: Hook, tmp_path: Path) -> None:
    """The run has ended, report and all, before the first request was answered."""
    hook.hanging = True
    state = StateDir(tmp_path / "state")
    host = told_host(state, max_rounds=1)
    host.then("verify", ports.VerifyResult(failure=failing("health_timeout", StepName.VERIFY)))
    async with town(host, **delivering(state, hook)) as place:
        assert (await run(place))["status"] == "rolled_back"
        await until(hook, ["rolled_back"])
        assert not hook.let_go.is_set()
        assert len(Outbox(state).letters()) == 1
        second = await run(place)  # a further run, while the receiver still hangs
        assert second["status"] == "succeeded"


async def test_without_a_webhook_a_history_has_nothing_more(tmp_path: Path) -> None:
    """No event is added where nobody is told (old histories replay as well)."""
    host = ScriptedHost(gate=SOON.model_copy(update={"announced": False}))
    async with town(host) as place:
        handle = await place.start(requested_by="dave")
        assert (await asyncio.wait_for(handle.result(), 30))["code"] == "approval_expired"
        names = [
            event.activity_task_scheduled_event_attributes.activity_type.name
            async for event in handle.fetch_history_events()
        ]
    assert "notify" not in names
    assert "preflight" in names
    assert "notify" not in host.asked + host.calls
