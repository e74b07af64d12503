"""User Story 3, scenario 2: a run that fails is rolled back, and says why."""

from tests.acceptance.operator import Operator, Ran, artifact_text
from tests.acceptance.proofs import check_rolled_back, stand, step_statuses
from tests.acceptance.stacks import BREAK_HEALTH, broken_shop, policy
from tests.conftest import ComposeFactory
from tests.sandbox import ComposeSandbox
from workflows.models.status import RunStatus, StepName, StepStatus

BREAK_BUILD = """\
--- a/api/requirements.txt
+++ b/api/requirements.txt
@@ -1 +1,2 @@
 # packages
+mm-orchestrator-has-no-such-package==1.0
"""


def healthy_shop(make: ComposeFactory, operator: Operator) -> ComposeSandbox:
    """A shop with nothing to repair, its target healthy."""
    files = broken_shop()
    files["api/app.py"] = files["api/app.py"].replace("import humanize\n", "")
    shop = make(files)
    shop.compose("up", "--detach", "--build", "--wait")
    operator.write_policy(policy(shop.name, str(shop.directory), max_wait_seconds=6))
    return shop


def run_patch(operator: Operator, shop: ComposeSandbox, patch: str) -> Ran:
    """One run with an operator's patch."""
    file = operator.root / "operator.patch"
    file.write_text(patch)
    return operator.run_local(shop.directory, "api", "apply this", "--patch", str(file))


def test_scenario_2_failing_health_checks_lead_back_to_files_and_image_and_say_why(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """Files byte-identical, the previous image runs healthy, the reason is in record, report and explain."""
    shop = healthy_shop(compose_project, operator)
    before = stand(shop)
    first = shop.container("api")

    record = check_rolled_back(run_patch(operator, shop, BREAK_HEALTH), "health_timeout", shop, before)

    container = shop.container("api")
    assert container.id != first.id, "the broken version never ran, so nothing was proved"
    assert container.attrs["Image"] == first.attrs["Image"]
    assert container.attrs["State"]["Health"]["Status"] == "healthy"
    assert record.rollback is not None
    assert record.rollback.image_id_before == record.rollback.image_id_after == first.attrs["Image"]
    assert [(f.path, f.before == f.after) for f in record.rollback.files] == [("api/Dockerfile", True)]
    assert record.failure is not None
    assert record.failure.step is StepName.VERIFY
    assert {"verify.log", "containers.json"} <= set(record.failure.artifacts)
    assert "verdict: health_timeout" in artifact_text(record, "verify.log")
    log = artifact_text(record, "rollback.log")
    assert "api/Dockerfile was restored byte for byte" in log
    assert "health_timeout" in log
    assert [file.path for file in record.files_touched] == ["api/Dockerfile"]
    assert "health_timeout" in artifact_text(record, "report.json")
    statuses = step_statuses(record)
    assert statuses[StepName.VERIFY, 1] is StepStatus.FAILED
    assert statuses[StepName.ROLLBACK, 1] is StepStatus.SUCCEEDED


def test_scenario_2_a_failing_build_never_replaces_the_container(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """The service goes on running as it is: the same container, started at the same time."""
    shop = healthy_shop(compose_project, operator)
    before, running = stand(shop), shop.fingerprints()

    record = check_rolled_back(run_patch(operator, shop, BREAK_BUILD), "build_failed", shop, before)

    assert shop.fingerprints() == running
    assert record.failure is not None
    assert "build.log" in record.failure.artifacts
    assert "mm-orchestrator-has-no-such-package==1.0" in artifact_text(record, "build.log")
    assert step_statuses(record)[StepName.RESTART, 1] is StepStatus.SKIPPED
    assert record.downtime_seconds is None


def test_scenario_2_after_a_rollback_the_project_is_free_for_the_next_run(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """A rolled back service that was broken is as broken as before, and the next run repairs it."""
    shop = compose_project(broken_shop("humanize"))
    shop.up()
    operator.write_policy(policy(shop.name, str(shop.directory), max_wait_seconds=15))
    before = stand(shop)

    record = check_rolled_back(run_patch(operator, shop, BREAK_HEALTH), "health_timeout", shop, before)

    assert record.rounds == 2, "the crash of round 1 is evidence: the missing package joins the patch"
    assert {file.path for file in record.files_touched} == {"api/Dockerfile", "api/requirements.txt"}
    operator.write_policy(policy(shop.name, str(shop.directory), max_wait_seconds=90))
    repaired = operator.run_local(shop.directory, "api", "repair api")
    assert (repaired.code, repaired.record.status) == (0, RunStatus.SUCCEEDED), repaired.stdout
    assert shop.read("api/requirements.txt") == "# packages\nhumanize\n"
