"""Somebody else works on the same service in mid-run: it is named, left alone, and told truthfully (I8)."""

from collections.abc import Iterator

import pytest

from tests.acceptance.moments import ended, journals, start
from tests.acceptance.operator import Operator, artifact_text
from tests.acceptance.processes import await_none, await_processes
from tests.acceptance.proofs import check_succeeded, image_id
from tests.acceptance.slow_stacks import ADD_HUMANIZE, slow_shop, unique_sleep
from tests.acceptance.stacks import compose_file, image_block, policy, web_block, web_service
from tests.conftest import ComposeFactory
from tests.sandbox import ComposeSandbox, fingerprint
from workflows.models.record import RollbackOutcome, RunRecord
from workflows.models.status import RunStatus, StepName

ORIGINAL = "# packages\n"


@pytest.fixture
def sleep() -> str:
    """How long the build takes."""
    return unique_sleep(20)


@pytest.fixture
def shop(compose_project: ComposeFactory, operator: Operator, sleep: str) -> Iterator[ComposeSandbox]:
    """A healthy service whose build takes its time, and a worker that serves it."""
    made = compose_project(slow_shop(sleep=sleep))
    made.compose("up", "--detach", "--build", "--wait")
    operator.write_policy(policy(made.name, str(made.directory), stability_window_seconds=40))
    with operator.dev(made.directory):
        yield made


def in_build(operator: Operator, sleep: str) -> str:
    """Start the run; returns when its build is under way."""
    run = start(operator, ADD_HUMANIZE)
    await_processes(f"sleep {sleep}")
    return run


def in_verify(operator: Operator) -> str:
    """Start the run; returns when the new container is being watched."""
    run = start(operator, ADD_HUMANIZE)
    operator.until(run, "verify", seconds=120)
    return run


def stopped_by_foreign_change(record: RunRecord, step: StepName, *named: str) -> RollbackOutcome:
    """The failed step names what somebody else changed, and the rollback says what it left alone."""
    failed = {s.name: s.message for s in record.steps if s.status == "failed"}
    assert step in failed, record.steps
    assert record.rollback is not None
    for name in named:
        assert name in failed[step]
        assert any(name in change for change in record.rollback.foreign_changes), record.rollback
    return record.rollback


def left_open(record: RunRecord, operator: Operator) -> None:
    """Not everything is as it was, so nobody claims it; the record says what to type."""
    assert (record.status, record.code) == (RunStatus.FAILED, "rollback_incomplete"), record.failure
    assert record.failure is not None
    assert f"mm-orchestrator recover {record.run_id}" in record.failure.remedy
    (journal,) = journals(operator)
    assert journal["settled"] is None


def test_a_container_recreated_while_it_is_verified_is_left_alone(
    shop: ComposeSandbox, operator: Operator
) -> None:
    """Somebody's ``up --force-recreate``: the run ends, their container goes on, they may accept it."""
    run = in_verify(operator)
    shop.compose("up", "--detach", "--no-deps", "--force-recreate", "api")
    theirs = shop.container("api")
    seen = fingerprint(theirs)

    record = ended(operator, run)

    outcome = stopped_by_foreign_change(record, StepName.VERIFY, f"{theirs.name} (it is new)")
    left_open(record, operator)
    assert not outcome.complete
    assert any("the containers ran" in text for text in outcome.mismatches)
    assert fingerprint(shop.container("api")) == seen
    assert shop.read("api/requirements.txt") == ORIGINAL
    explained = operator.command("explain", run).stdout
    assert "changed by somebody else" in " ".join(explained.split())
    accepted = operator.command("recover", run, "--accept-current-state")
    assert accepted.code == 0, accepted.stderr
    assert fingerprint(shop.container("api")) == seen


def test_a_service_scaled_while_it_is_verified_can_be_recovered_once_it_is_scaled_back(
    shop: ComposeSandbox, operator: Operator
) -> None:
    """Beside somebody's second replica nothing is replaced; without it ``recover`` puts everything back."""
    old = shop.container("api").attrs["Image"]
    run = in_verify(operator)
    shop.compose("up", "--detach", "--no-deps", "--no-recreate", "--scale", "api=2", "api")
    (theirs,) = (c for c in shop.containers("api") if str(c.name).endswith("-2"))

    record = ended(operator, run)

    outcome = stopped_by_foreign_change(record, StepName.VERIFY, f"{theirs.name} (it is new)")
    left_open(record, operator)
    assert "there were 1 containers, now 2" in outcome.mismatches
    theirs.remove(force=True)
    recovered = operator.command("recover", run)
    assert recovered.code == 0, recovered.stdout
    assert shop.container("api").attrs["Image"] == old == image_id(shop, f"{shop.name}-api")
    assert shop.read("api/requirements.txt") == ORIGINAL


def test_a_service_stopped_while_it_is_built_is_not_started_again(
    shop: ComposeSandbox, operator: Operator, sleep: str
) -> None:
    """Somebody stopped it on purpose: the run ends, it stays stopped, and nothing claims otherwise."""
    run, old = in_build(operator, sleep), shop.container("api")
    shop.compose("stop", "api")

    record = ended(operator, run)

    outcome = stopped_by_foreign_change(record, StepName.RESTART, f"container {old.name} (it was stopped)")
    left_open(record, operator)
    assert "api was running and is stopped" in outcome.mismatches
    api = shop.container("api")
    assert (api.id, api.status) == (old.id, "exited")
    assert shop.read("api/requirements.txt") == ORIGINAL
    shop.compose("start", "api")
    recovered = operator.command("recover", run)
    assert recovered.code == 0, recovered.stdout
    assert shop.container("api").id == old.id


def test_an_image_named_by_somebody_else_keeps_its_name(shop: ComposeSandbox, operator: Operator) -> None:
    """``docker tag`` on the service's reference: the container goes back, the name stays theirs."""
    old, reference = shop.container("api").attrs["Image"], f"{shop.name}-api"
    theirs = str(shop.container("store").attrs["Image"])
    run = in_verify(operator)
    shop.engine.images.get(theirs).tag(reference)

    record = ended(operator, run)

    outcome = stopped_by_foreign_change(record, StepName.VERIFY, f"what image {reference} is")
    left_open(record, operator)
    assert image_id(shop, reference) == theirs
    assert shop.container("api").attrs["Image"] == old
    assert [text for text in outcome.mismatches if "pointed to" not in text] == []
    assert shop.read("api/requirements.txt") == ORIGINAL


def test_a_file_edited_while_it_is_built_is_kept(
    shop: ComposeSandbox, operator: Operator, sleep: str
) -> None:
    """What was built may hold the edit, which nobody planned or approved: the container is not replaced."""
    run, before = in_build(operator, sleep), fingerprint(shop.container("api"))
    shop.write("api/requirements.txt", "# packages\nhumanize\n# olga: wait for me\n")

    record = ended(operator, run)

    stopped_by_foreign_change(record, StepName.BUILD, "api/requirements.txt")
    left_open(record, operator)
    assert shop.read("api/requirements.txt") == "# packages\nhumanize\n# olga: wait for me\n"
    assert fingerprint(shop.container("api")) == before
    assert "DIFFERENT" in artifact_text(record, "rollback.log").splitlines()[-6]
    await_none(f"sleep {sleep}")


def test_a_neighbour_that_crashes_by_itself_is_a_warning(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """Its policy brings it back every few seconds; the repair succeeds and names it."""
    falling = image_block("store", "import time; time.sleep(4); raise SystemExit(3)", "restart: always")
    files = {"compose.yaml": compose_file(web_block("api", "restart: unless-stopped"), falling)}
    shop = compose_project(files | web_service("api", "humanize"))
    shop.up()
    operator.write_policy(
        policy(shop.name, str(shop.directory), max_wait_seconds=90, stability_window_seconds=6)
    )

    record = check_succeeded(operator.run_local(shop.directory, "api", "repair api"), shop)

    assert any(warning.startswith(f"neighbour_restarted: {shop.name}-store-1") for warning in record.warnings)
