"""Crash: SIGKILL of the worker and its whole tree, then a new one on the same state directory (I4)."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

import pytest

from tests.acceptance.moments import await_two_containers, await_verify_log, ended, held, journals, start
from tests.acceptance.operator import Operator, check_artifacts
from tests.acceptance.processes import await_none, await_processes
from tests.acceptance.slow_stacks import ADD_HUMANIZE, slow_shop, unique_sleep
from tests.acceptance.stacks import policy
from tests.conftest import ComposeFactory
from tests.sandbox import ComposeSandbox
from workflows.models.status import RunStatus

TAKEN_OVER_SECONDS = 100
"""From the kill to the next attempt of the interrupted step: a lost heartbeat (10 s), a retry, a start."""


class Slow(NamedTuple):
    """What takes its time, in seconds."""

    build: float = 1
    stop: float = 0
    stable: float = 1


def in_build(operator: Operator, run: str, shop: ComposeSandbox, sleep: str) -> None:
    """The build's own step runs inside the Docker engine."""
    await_processes(f"sleep {sleep}")
    assert any(" build " in command for command in await_processes(shop.name).values())


def in_restart(operator: Operator, run: str, shop: ComposeSandbox, sleep: str) -> None:
    """Compose has made the new container and waits for the old one to stop."""
    await_processes(f"sleep {sleep}")
    await_two_containers(shop)


def in_verify(operator: Operator, run: str, shop: ComposeSandbox, sleep: str) -> None:
    """The new container runs and is being watched."""
    operator.until(run, "verify")
    await_verify_log(operator)


def second_attempt(operator: Operator) -> tuple[str, datetime]:
    """Name and start of the one step that was tried again, as the worker's own log has it."""
    lines = (operator.root / "dev.log").read_text().splitlines()
    entries = [json.loads(line) for line in lines if line.startswith("{")]
    begun = [e for e in entries if e["event"] == "step started" and e["step"] != "watch_run"]
    again = [e for e in begun if e["attempt"] > 1]  # lane and guard watch on as well
    assert [e["attempt"] for e in again] == [2], again
    return again[0]["step"], datetime.fromisoformat(again[0]["timestamp"])


Moment = Callable[[Operator, str, ComposeSandbox, str], None]


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [(in_build, Slow(build=10)), (in_restart, Slow(stop=10)), (in_verify, Slow(stable=12))],
    ids=["build", "restart", "verify"],
)
def test_a_killed_worker_is_taken_over_by_the_next(
    compose_project: ComposeFactory,
    operator: Operator,
    record_property: Callable[[str, object], None],
    moment: Moment,
    seconds: Slow,
) -> None:
    """The run completes properly, the patch is applied once, nothing of the killed command remains."""
    sleep = unique_sleep(seconds.build)
    shop = compose_project(slow_shop(sleep=sleep, stop_seconds=seconds.stop))
    shop.up()
    operator.write_policy(policy(shop.name, str(shop.directory), stability_window_seconds=seconds.stable))
    neighbours = shop.fingerprints(without="api")

    with operator.dev(shop.directory) as dev:
        run = start(operator, ADD_HUMANIZE)
        moment(operator, run, shop, sleep)
        opened = journals(operator)
        killed = datetime.now(UTC)
        dev.kill()
        dev.wait(timeout=120)
        await_none(str(operator.state), shop.name, f"sleep {sleep}")
    assert [journal["settled"] for journal in opened] == [None]

    with operator.dev(shop.directory):
        record = ended(operator, run)
        assert (record.status, record.rounds) == (RunStatus.SUCCEEDED, 1), record.failure
        check_artifacts(record, "build.log", "restart.log", "verify.log", "containers.json", "report.json")

    step, began = second_attempt(operator)
    assert step == moment.__name__.removeprefix("in_")
    record_property("taken_over_seconds", (began - killed).total_seconds())
    assert (began - killed).total_seconds() < TAKEN_OVER_SECONDS
    assert shop.read("api/requirements.txt") == "# packages\nhumanize\n"
    (journal,) = journals(operator)
    assert (journal["run_id"], journal["generation"]) == (run, 1)
    assert journal["opened_at"] == opened[0]["opened_at"]
    assert journal["settled"]["outcome"] == "succeeded"
    api = shop.container("api")
    assert (api.name, api.attrs["State"]["Health"]["Status"]) == (f"{shop.name}-api-1", "healthy")
    assert api.attrs["Image"] == shop.engine.images.get(f"{shop.name}-api").id
    assert api.exec_run(["python", "-c", "import humanize"]).exit_code == 0
    assert shop.fingerprints(without="api") == neighbours
    assert record.downtime_seconds is not None, "also where the first attempt stopped the old container"
    assert held(shop.engine, run), "the previous image is kept"
    await_none(str(operator.state), f"sleep {sleep}")
