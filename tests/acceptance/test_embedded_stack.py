"""``dev`` and ``run --local``: everything in one process tree, and nothing of it left (DESIGN section 5)."""

import json
import re
import signal

import httpx
import pytest

from tests.acceptance.moments import ended, journals, start
from tests.acceptance.operator import Operator
from tests.acceptance.processes import await_none, await_processes, processes
from tests.acceptance.slow_stacks import ADD_HUMANIZE, slow_shop, unique_sleep
from tests.acceptance.stacks import policy
from tests.conftest import ComposeFactory
from tests.sandbox import ComposeSandbox
from workflows.models.status import RunStatus

NO_RUN, FAILED = 2, 5


@pytest.fixture
def sleep() -> str:
    """How long this test's build sleeps; nobody else's does exactly that."""
    return unique_sleep(12)  # longer than a stopping worker waits for its steps


@pytest.fixture
def shop(compose_project: ComposeFactory, operator: Operator, sleep: str) -> ComposeSandbox:
    """A healthy project, known to the operator's policy."""
    made = compose_project(slow_shop(sleep=sleep))
    made.up()
    operator.write_policy(policy(made.name, str(made.directory)))
    return made


def test_dev_stops_clean_in_the_middle_of_a_build_and_goes_on_at_the_next_start(
    operator: Operator, shop: ComposeSandbox, sleep: str
) -> None:
    """Exit code 0, no process and no server left; the next ``dev`` knows the run and finishes it."""
    with operator.dev(shop.directory) as dev:
        run = start(operator, ADD_HUMANIZE)
        await_processes(f"sleep {sleep}")
        dev.terminate()
        assert dev.wait(timeout=30) == 0
        await_none(str(operator.state), f"sleep {sleep}", shop.name)
    assert not (operator.state / "dev.json").exists()
    said = (operator.root / "dev.log").read_text()
    assert "Runs under way go on at the next start" in said
    assert "Traceback" not in said

    with operator.dev(shop.directory) as dev:
        listed = operator.command("list", "--json")
        assert [entry["run_id"] for entry in json.loads(listed.stdout)] == [run], listed.stderr
        record = ended(operator, run)
        assert (record.status, record.rounds) == (RunStatus.SUCCEEDED, 1), record.failure
        dev.send_signal(signal.SIGINT)
        assert dev.wait(timeout=30) == 0
    assert shop.read("api/requirements.txt") == "# packages\nhumanize\n"
    (journal,) = journals(operator)
    assert journal["settled"]["outcome"] == "succeeded"
    await_none(str(operator.state))


def test_dev_shows_its_web_ui_and_is_alone_on_its_state_directory(
    operator: Operator, shop: ComposeSandbox
) -> None:
    """The printed URL answers; a second ``dev`` or local run is refused with a remedy and harms nothing."""
    with operator.dev(shop.directory) as dev:
        introduction = (operator.root / "dev.log").read_text()
        url = re.search(r"Web UI\s+(http://\S+)", introduction)
        assert url is not None, introduction
        page = httpx.get(url[1], follow_redirects=True, timeout=30)
        assert (page.status_code, "<html" in page.text) == (200, True)

        second = operator.command("dev", "--project-dir", str(shop.directory), timeout=60)
        assert second.code == FAILED
        local = operator.run_local(shop.directory, "api", "restart api")
        assert (local.code, local.stdout) == (NO_RUN, "")
        for refused in (second, local):
            assert f"state_dir_busy: Another mm-orchestrator uses the state directory {operator.state}" in (
                refused.stderr
            )
            assert f"process {dev.pid}, mm-orchestrator dev" in refused.stderr
            assert "run without --local" in refused.stderr
        assert ended(operator, start(operator, "restart api")).status is RunStatus.SUCCEEDED


def test_a_local_run_leaves_nothing_running_however_it_ends(operator: Operator, shop: ComposeSandbox) -> None:
    """Planned, failed, refused and succeeded: the process list is as before, and the next one can start."""
    everything = processes(str(operator.state), shop.name)
    assert everything == {}
    for words, code, status in (
        (("api", ADD_HUMANIZE, "--plan-only"), 0, RunStatus.PLANNED),
        (("nosuch", "restart nosuch"), FAILED, RunStatus.FAILED),
        (("api", "restart api"), 0, RunStatus.SUCCEEDED),
    ):
        ran = operator.run_local(shop.directory, *words)
        assert (ran.code, ran.record.status) == (code, status), ran.stderr
        await_none(str(operator.state), shop.name)
    refused = operator.run_local(shop.directory, "api", "")
    assert (refused.code, refused.stdout) == (NO_RUN, "")
    await_none(str(operator.state), shop.name)
    assert list((operator.state / "children").iterdir()) == []
    assert not (operator.state / "dev.json").exists()
