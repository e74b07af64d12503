"""Who else may say "not now": an operator's hold, MoonMind's own deployment, a second server (I7)."""

import fcntl
import time
from pathlib import Path

import pytest

from tests.acceptance.moments import Before, ended, journals, start
from tests.acceptance.operator import Operator
from tests.acceptance.slow_stacks import ADD_HUMANIZE, slow_shop
from tests.acceptance.stacks import policy
from tests.conftest import ComposeFactory
from tests.sandbox import ComposeSandbox
from workflows.models.status import RunStatus

WAITS_SECONDS = 2.0


@pytest.fixture
def shop(compose_project: ComposeFactory, operator: Operator) -> ComposeSandbox:
    """A running shop with a policy."""
    made = compose_project(slow_shop())
    made.up()
    operator.write_policy(policy(made.name, str(made.directory)))
    return made


@pytest.mark.parametrize("what", ["the project", "everything"])
def test_a_held_project_is_not_written_until_it_is_released(
    shop: ComposeSandbox, operator: Operator, what: str
) -> None:
    """The run waits and says for whom; a plan can still be made; released, it goes on by itself."""
    target = [shop.name] if what == "the project" else ["--all"]
    held = operator.command("hold", *target, "--reason", "moving the database")
    assert held.code == 0, held.stderr
    before = Before.of(shop)
    with operator.dev(shop.directory):
        run = start(operator, ADD_HUMANIZE)
        waiting = operator.until(run, "queued")
        assert "olga holds" in waiting.summary
        assert "moving the database" in waiting.summary
        assert "olga holds" in " ".join(operator.command("explain", run).stdout.split())
        planned = operator.command("run", "api", ADD_HUMANIZE, "--plan-only", "--json").record
        assert planned.status is RunStatus.PLANNED
        time.sleep(WAITS_SECONDS)
        assert operator.show(run).status is RunStatus.QUEUED
        assert (Before.of(shop), journals(operator)) == (before, [])
        assert operator.command("release", *target).code == 0
        record = ended(operator, run)
    assert record.status is RunStatus.SUCCEEDED, record.failure
    assert shop.read("api/requirements.txt") == "# packages\nhumanize\n"


def test_a_run_that_waits_for_a_release_can_be_cancelled(shop: ComposeSandbox, operator: Operator) -> None:
    """Nothing was written, and the hold stays."""
    assert operator.command("hold", shop.name, "--reason", "night").code == 0
    before = Before.of(shop)
    with operator.dev(shop.directory):
        run = start(operator, ADD_HUMANIZE)
        operator.until(run, "queued")
        assert operator.command("cancel", run).code == 0
        assert ended(operator, run).status is RunStatus.CANCELLED
    assert Before.of(shop) == before
    assert f"holds project {shop.name}" in operator.command("hold").stdout


def test_moonminds_deployment_lock_is_honoured(
    shop: ComposeSandbox, operator: Operator, tmp_path: Path
) -> None:
    """While its updater holds the stack's lock nothing is written; afterwards the run goes on."""
    locks = tmp_path / "locks"
    locks.mkdir()
    operator.extra_env["MOONMIND_DEPLOYMENT_LOCK_DIR"] = str(locks)
    before = Before.of(shop)
    with operator.dev(shop.directory):
        with (locks / f"{shop.name}.lock").open("a+") as updater:
            fcntl.flock(updater, fcntl.LOCK_EX)
            run = start(operator, ADD_HUMANIZE)
            operator.until(run, "patch")
            time.sleep(WAITS_SECONDS)
            assert (Before.of(shop), journals(operator)) == (before, [])
        record = ended(operator, run)
    assert record.status is RunStatus.SUCCEEDED, record.failure
    assert '"stack"' in (locks / f"{shop.name}.lock").read_text()


def test_one_server_for_a_state_directory(shop: ComposeSandbox, operator: Operator) -> None:
    """Beside ``dev`` neither a second one, nor ``run --local``, nor a production worker starts."""
    with operator.dev(shop.directory) as dev:
        for arguments in (
            ("dev", "--project-dir", str(shop.directory)),
            ("run", "api", ADD_HUMANIZE, "--local", "--project-dir", str(shop.directory)),
            ("worker",),
        ):
            refused = operator.command(*arguments, timeout=60)
            assert refused.code != 0
            assert f"process {dev.pid}, mm-orchestrator dev" in refused.stdout + refused.stderr, arguments
        assert journals(operator) == []
