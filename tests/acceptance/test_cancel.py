"""Cancellation at every step: everything back, measured, and nothing goes on behind the run's back (I4)."""

import time

import pytest

from tests.acceptance.moments import Before, await_two_containers, ended, held, journals, start
from tests.acceptance.operator import Operator, artifact_text, check_artifacts
from tests.acceptance.processes import await_none, await_processes, processes
from tests.acceptance.slow_stacks import ADD_HUMANIZE, slow_shop, unique_sleep
from tests.acceptance.stacks import policy
from tests.conftest import ComposeFactory
from tests.sandbox import ComposeSandbox
from workflows.models.record import RunRecord
from workflows.models.status import RunStatus, StepStatus

CANCELLED_EXIT = 6
PROTECTED = ("protected: true", "approver_roles: [release]")
ROLES = "approvals:\n  trust: unsigned\nroles:\n  release: [ann]\n"


def builds(shop: ComposeSandbox) -> dict[int, str]:
    """The processes of this project's ``docker compose build``: guard, docker and the plugin."""
    return {pid: command for pid, command in processes(shop.name).items() if " build api" in command}


def assert_as_before(shop: ComposeSandbox, before: Before, record: RunRecord) -> None:
    """Files, images and health are what they were, by Docker's and the disk's own word."""
    assert (record.status, record.code) == (RunStatus.CANCELLED, "cancelled"), record.failure
    assert Before.of(shop) == before
    api = shop.container("api")
    assert (api.name, api.attrs["State"]["Status"]) == (f"{shop.name}-api-1", "running")
    assert api.attrs["State"]["Health"]["Status"] == "healthy"
    assert held(shop.engine, record.run_id) == []


def assert_rolled_back(operator: Operator, record: RunRecord) -> None:
    """The record says what was measured, and the one journal is settled."""
    assert record.rollback is not None
    assert record.rollback.complete
    assert {s.name: s.status for s in record.steps}["rollback"] is StepStatus.SUCCEEDED
    check_artifacts(record, "rollback.log", "report.json", "report.html", "manifest.json", "events.jsonl")
    (journal,) = journals(operator)
    assert journal["settled"]["outcome"] == "rolled_back"


@pytest.fixture
def sleep() -> str:
    """How long this test's build sleeps; nobody else's does exactly that."""
    return unique_sleep(30)


def test_temporal_cancel_in_the_middle_of_the_build(
    compose_project: ComposeFactory, operator: Operator, sleep: str
) -> None:
    """``temporal workflow cancel``: the build's process group dies, files and image are as before.

    The watching command ends with exit code 6, and a run right after is free to begin.
    """
    shop = compose_project(slow_shop(sleep=sleep))
    shop.up()
    operator.write_policy(policy(shop.name, str(shop.directory)))
    before, everything = Before.of(shop), shop.fingerprints()

    with operator.dev(shop.directory):
        run = start(operator, ADD_HUMANIZE)
        watching = operator.start("watch", run, "--json")
        await_processes(f"sleep {sleep}")
        building = builds(shop)
        assert len(building) >= 2, "the guard and docker itself"
        cancelled = operator.temporal("workflow", "cancel", "-w", operator.show(run).workflow_id)
        assert cancelled.code == 0, cancelled.stderr
        await_none(f"sleep {sleep}", f"{shop.directory}/compose.yaml build api")
        stdout, stderr = watching.communicate(timeout=120)
        assert watching.returncode == CANCELLED_EXIT, stderr
        record = RunRecord.model_validate_json(stdout)
        assert record.model_dump() == ended(operator, run).model_dump()

        assert_as_before(shop, before, record)
        assert_rolled_back(operator, record)
        assert shop.fingerprints() == everything, "the running container was never replaced"
        assert {s.name: s.status for s in record.steps}["build"] is StepStatus.FAILED
        assert "sleep" in artifact_text(record, "build.log"), "what was built so far is evidence"
        described = operator.temporal("workflow", "describe", "-w", record.workflow_id)
        assert "CANCELED" in described.stdout.upper()
        again = ended(operator, start(operator, "repair the missing dependency"))
        assert again.code == "nothing_to_repair"


@pytest.mark.parametrize(("step", "stop", "stable"), [("restart", 6, 1), ("verify", 0, 30)])
def test_cancel_once_the_new_container_is_there(
    compose_project: ComposeFactory, operator: Operator, step: str, stop: float, stable: float
) -> None:
    """``mm-orchestrator cancel`` during restart and verify: back to the previous image, healthy.

    It stays so, although Docker had been told to stop the old container.
    """
    shop = compose_project(slow_shop(stop_seconds=stop))
    shop.up()
    operator.write_policy(
        policy(shop.name, str(shop.directory), max_wait_seconds=60, stability_window_seconds=stable)
    )
    before, neighbours = Before.of(shop), shop.fingerprints(without="api")

    with operator.dev(shop.directory):
        run = start(operator, ADD_HUMANIZE)
        if step == "restart":
            await_two_containers(shop)
        else:
            operator.until(run, step)
        asked = operator.command("cancel", run)
        assert asked.code == 0, asked.stderr
        assert run in asked.stdout
        record = ended(operator, run)
        time.sleep(stop + 1)
        assert_as_before(shop, before, record)
        assert_rolled_back(operator, record)
        assert record.failure is not None
        assert record.failure.step == step
        assert shop.fingerprints(without="api") == neighbours
        assert operator.command("cancel", run).code == 5, "it has ended already"


def test_cancel_before_anything_was_written(compose_project: ComposeFactory, operator: Operator) -> None:
    """Right after the start, and while a protected service waits for approval: nothing is touched."""
    shop = compose_project(slow_shop())
    shop.up()
    operator.write_policy(policy(shop.name, str(shop.directory), extra_service=PROTECTED, extra=ROLES))
    before, everything = Before.of(shop), shop.fingerprints()

    with operator.dev(shop.directory):
        early = start(operator, ADD_HUMANIZE, workflow_id="mm:cancelled-early")
        assert operator.temporal("workflow", "cancel", "-w", "mm:cancelled-early").code == 0
        waiting = start(operator, ADD_HUMANIZE)
        watching = operator.start("watch", waiting)
        operator.until(waiting, "awaiting_approval")
        assert operator.command("cancel", waiting).code == 0
        watching.communicate(timeout=120)
        assert watching.returncode == CANCELLED_EXIT
        on_its_way = {"preflight", "analyze", "plan", "approve"}
        for run, steps in ((early, on_its_way), (waiting, {"approve"})):
            record = ended(operator, run)
            assert_as_before(shop, before, record)
            assert record.rollback is None
            assert record.failure is not None
            assert record.failure.step in steps
    assert journals(operator) == []
    assert shop.fingerprints() == everything
