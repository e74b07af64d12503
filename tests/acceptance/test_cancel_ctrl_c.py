"""Ctrl-C as a terminal sends it: SIGINT to the whole foreground process group (DESIGN section 5, I4)."""

import os
import re
import signal
import subprocess

import pytest

from tests.acceptance.moments import Before, ended, held, journals
from tests.acceptance.operator import Operator
from tests.acceptance.processes import await_none, await_processes
from tests.acceptance.slow_stacks import ADD_HUMANIZE, slow_shop, unique_sleep
from tests.acceptance.stacks import policy
from tests.conftest import ComposeFactory
from workflows.models.record import RunRecord
from workflows.models.status import RunStatus

STOPPED = 6


def ctrl_c(process: subprocess.Popen[str]) -> None:
    """What the terminal does."""
    os.killpg(process.pid, signal.SIGINT)


def await_output(process: subprocess.Popen[str], pattern: str) -> str:
    """Read progress lines until one matches; returns what matched."""
    assert process.stderr is not None
    seen = []
    for line in process.stderr:
        seen.append(line)
        if found := re.search(pattern, line):
            return found.group()
    raise AssertionError(f"never said {pattern}: {''.join(seen)}")


@pytest.mark.parametrize("step", ["build", "verify"])
def test_ctrl_c_on_a_local_run_rolls_back_and_leaves_nothing(
    compose_project: ComposeFactory, operator: Operator, step: str
) -> None:
    """The run ends cancelled, everything is as before, exit code 6, no process is left."""
    sleep = unique_sleep(200 if step == "build" else 0)
    shop = compose_project(slow_shop(sleep=sleep))
    shop.up()
    operator.write_policy(
        policy(shop.name, str(shop.directory), max_wait_seconds=60, stability_window_seconds=30)
    )
    before, neighbours = Before.of(shop), shop.fingerprints(without="api")

    running = operator.start(
        "run", "api", ADD_HUMANIZE, "--local", "--project-dir", str(shop.directory), "--json"
    )
    if step == "build":
        await_processes(f"sleep {sleep}")
    else:
        await_output(running, r"verify .*in_progress")
    ctrl_c(running)
    stdout, stderr = running.communicate(timeout=240)

    assert running.returncode == STOPPED, stderr
    assert "Cancelling; what was changed is put back first" in stderr
    record = RunRecord.model_validate_json(stdout)
    assert (record.status, record.code) == (RunStatus.CANCELLED, "cancelled")
    assert record.failure is not None
    assert record.failure.step == step
    assert record.rollback is not None
    assert record.rollback.complete
    assert Before.of(shop) == before
    assert shop.container("api").attrs["State"]["Health"]["Status"] == "healthy"
    assert shop.fingerprints(without="api") == neighbours
    (journal,) = journals(operator)
    assert journal["settled"]["outcome"] == "rolled_back"
    assert held(shop.engine, record.run_id) == []
    await_none(str(operator.state), f"sleep {sleep}", shop.name)


def test_ctrl_c_on_a_run_of_dev_only_stops_watching(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """``run`` against ``dev`` detaches: exit code 0, the run goes on and succeeds."""
    sleep = unique_sleep(15)
    shop = compose_project(slow_shop(sleep=sleep))
    shop.up()
    operator.write_policy(policy(shop.name, str(shop.directory)))
    with operator.dev(shop.directory):
        running = operator.start("run", "api", ADD_HUMANIZE)
        await_processes(f"sleep {sleep}")
        ctrl_c(running)
        stdout, stderr = running.communicate(timeout=120)
        assert running.returncode == 0, stderr
        run = re.search(r"Left run (\S+); it goes on", stdout)
        assert run is not None, stdout
        assert f"mm-orchestrator watch {run[1]}" in stdout
        assert await_processes(f"sleep {sleep}", seconds=1), "the build goes on"
        assert ended(operator, run[1]).status is RunStatus.SUCCEEDED
    assert "humanize" in shop.read("api/requirements.txt")
