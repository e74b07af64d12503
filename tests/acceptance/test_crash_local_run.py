"""Crash: SIGKILL of ``run --local`` in the middle of the build, and the three ways out of it (I4, I7)."""

from dataclasses import dataclass

import pytest

from tests.acceptance.moments import Before, ended, held, journals
from tests.acceptance.operator import Operator
from tests.acceptance.processes import await_none, await_processes
from tests.acceptance.slow_stacks import ADD_HUMANIZE, slow_shop, unique_sleep
from tests.acceptance.stacks import policy
from tests.conftest import ComposeFactory
from tests.sandbox import ComposeSandbox
from workflows.models.status import RunStatus

PATCHED = "# packages\nhumanize\n"


@dataclass(frozen=True)
class Wreck:
    """A project whose local run was killed in the middle of the build."""

    shop: ComposeSandbox
    before: Before
    run: str


@pytest.fixture
def wreck(compose_project: ComposeFactory, operator: Operator) -> Wreck:
    """No process is left, the file is patched, the journal is open, the old image is held."""
    sleep = unique_sleep(4)
    shop = compose_project(slow_shop(sleep=sleep))
    shop.up()
    operator.write_policy(policy(shop.name, str(shop.directory)))
    before = Before.of(shop)
    running = operator.start("run", "api", ADD_HUMANIZE, "--local", "--project-dir", str(shop.directory))
    await_processes(f"sleep {sleep}")
    running.kill()
    running.communicate(timeout=10)
    await_none(str(operator.state), f"sleep {sleep}", shop.name)

    (journal,) = journals(operator)
    assert journal["settled"] is None
    assert shop.read("api/requirements.txt") == PATCHED
    assert held(shop.engine, journal["run_id"])
    return Wreck(shop, before, journal["run_id"])


def test_the_next_dev_finishes_the_run(operator: Operator, wreck: Wreck) -> None:
    """A new server on the same state directory knows the run, takes it up and settles it."""
    with operator.dev(wreck.shop.directory):
        record = ended(operator, wreck.run)
    assert (record.status, record.rounds) == (RunStatus.SUCCEEDED, 1), record.failure
    assert wreck.shop.read("api/requirements.txt") == PATCHED
    (journal,) = journals(operator)
    assert journal["settled"]["outcome"] == "succeeded"
    assert wreck.shop.container("api").exec_run(["python", "-c", "import humanize"]).exit_code == 0
    assert held(wreck.shop.engine, wreck.run), "the previous image is kept"


def test_recover_puts_everything_back(operator: Operator, wreck: Wreck) -> None:
    """``mm-orchestrator recover`` without any Temporal: listed, rolled back byte for byte, settled."""
    listed = operator.command("recover")
    assert listed.code == 0, listed.stderr
    assert f"{wreck.run}  {wreck.shop.name}/api" in listed.stdout
    assert f"mm-orchestrator recover {wreck.run}" in listed.stdout

    recovered = operator.command("recover", wreck.run)
    assert recovered.code == 0, recovered.stderr
    assert "rolled_back" in recovered.stdout
    assert Before.of(wreck.shop) == wreck.before
    (journal,) = journals(operator)
    assert (journal["settled"]["by"], journal["settled"]["outcome"]) == ("recover", "rolled_back")
    assert held(wreck.shop.engine, wreck.run) == []
    assert "Nothing to recover" in operator.command("recover").stdout
    shown = operator.show(wreck.run)
    assert (shown.status, shown.code) == (RunStatus.ROLLED_BACK, "run_recovered")
    assert {"build.log", "rollback.log", "report.json", "manifest.json"} <= {a.name for a in shown.artifacts}
