"""User Story 1: Autonomous Fix Run (P1)."""

from tests.acceptance.operator import Operator, artifact_text, check_artifacts
from tests.acceptance.stacks import broken_shop, policy
from tests.conftest import ComposeFactory
from workflows.models.finding import FindingKind
from workflows.models.status import RunStatus, StepStatus

REPAIR = "repair the missing dependency for the api service"


def test_scenario_1_and_2_a_missing_dependency_is_repaired_and_proved(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """From one sentence to a healthy service: plan, diff, build, restart, verification, all on record.

    A second call right after finds nothing to repair and touches nothing.
    """
    shop = compose_project(broken_shop("humanize"))
    shop.up()
    operator.write_policy(policy(shop.name, str(shop.directory)))
    neighbours = shop.fingerprints(without="api")

    ran = operator.run_local(shop.directory, "api", REPAIR)

    record = ran.record
    assert (ran.code, record.status) == (0, RunStatus.SUCCEEDED), (record.failure, ran.stderr)
    assert record.rounds == 1
    assert record.plan is not None
    assert [f.kind for f in record.plan.findings] == [FindingKind.ADD_PYTHON_PACKAGE]
    assert "+humanize" in record.plan.diff
    assert shop.read("api/requirements.txt") == "# packages\nhumanize\n"
    assert all(step.started_at and step.completed_at for step in record.steps)
    assert {s.name: s.status for s in record.steps}["verify"] is StepStatus.SUCCEEDED
    check_artifacts(record, "plan.json", "patch.diff", "diff-before.patch", "diff-after.patch", "analyze.log",
                    "build.log", "restart.log", "containers.json", "service-before.log", "verify.log",
                    "events.jsonl", "report.json", "manifest.json")  # fmt: skip
    assert "ModuleNotFoundError: No module named 'humanize'" in artifact_text(record, "analyze.log")
    assert record.neighbours is not None
    assert record.neighbours.untouched
    assert shop.fingerprints(without="api") == neighbours
    assert shop.container("api").attrs["State"]["Health"]["Status"] == "healthy"

    before = shop.fingerprints(), shop.checksums()
    again = operator.run_local(shop.directory, "api", REPAIR)
    assert (again.code, again.record.status) == (0, RunStatus.SUCCEEDED)
    assert (again.record.code, again.record.rounds) == ("nothing_to_repair", 0)
    assert (shop.fingerprints(), shop.checksums()) == before
