"""User Story 1: Autonomous Fix Run (P1)."""

import subprocess

from tests.acceptance.operator import Operator, artifact_text, check_artifacts
from tests.acceptance.proofs import check_rolled_back, check_succeeded, stand, step_statuses
from tests.acceptance.stacks import broken_shop, compose_file, policy, web_app, web_block, web_service
from tests.conftest import ComposeFactory
from workflows.models.finding import FindingKind, FindingOrigin
from workflows.models.plan import ActionPlan
from workflows.models.record import RunReport
from workflows.models.status import RunStatus, StepName, StepStatus

REPAIR = "repair the missing dependency for the api service"
HTTP = ("  http:", "    - url: http://127.0.0.1:8000/health", "      vantage: target")


def test_scenario_1_and_2_a_missing_dependency_is_repaired_and_proved(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """From one sentence to a healthy service: plan, diff, build, restart, verification, all on record.

    A second call right after finds nothing to repair and touches nothing.
    """
    shop = compose_project(broken_shop("humanize"))
    shop.up()
    operator.write_policy(policy(shop.name, str(shop.directory), max_wait_seconds=90))
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
    assert {s.name: s.status for s in record.steps}[StepName.VERIFY] is StepStatus.SUCCEEDED
    check_artifacts(record, "plan.json", "patch.diff", "diff-before.patch", "diff-after.patch", "analyze.log",
                    "build.log", "restart.log", "containers.json", "service-before.log", "verify.log",
                    "events.jsonl", "report.json", "report.html", "manifest.json")  # fmt: skip
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


def test_scenario_1_the_plan_is_structured_and_its_diff_can_be_reviewed_and_reused(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """``--plan-only`` touches nothing; the run carries out that plan, whose diff makes that file."""
    shop = compose_project(broken_shop("humanize"))
    shop.up()
    operator.write_policy(policy(shop.name, str(shop.directory), max_wait_seconds=90))
    before = stand(shop)

    planned = operator.run_local(shop.directory, "api", REPAIR, "--plan-only")

    assert (planned.code, planned.record.status) == (0, RunStatus.PLANNED), planned.stderr
    assert stand(shop) == before
    plan = ActionPlan.model_validate_json(artifact_text(planned.record, "plan.json"))
    assert [step.name for step in plan.steps] == [
        "analyze", "patch", "build", "restart", "verify", "rollback",
    ]  # fmt: skip
    assert (plan.project, plan.service) == (shop.name, "api")
    assert plan.base_hashes == {"api/requirements.txt": before.files["api/requirements.txt"]}
    finding = plan.findings[0]
    assert (finding.origin, finding.names) == (FindingOrigin.EVIDENCE, ("humanize",))
    assert any("No module named 'humanize'" in quote.text for quote in finding.quotes)

    record = check_succeeded(operator.run_local(shop.directory, "api", REPAIR), shop)

    assert record.plan is not None
    assert record.plan.digest == plan.digest
    repaired = shop.checksums()
    assert repaired["api/requirements.txt"] == plan.after_hashes["api/requirements.txt"]
    shop.write("api/requirements.txt", "# packages\n")
    patch = artifact_text(record, "patch.diff")
    assert patch == artifact_text(planned.record, "patch.diff")
    subprocess.run(["patch", "-p1"], cwd=shop.directory, input=patch.encode(), check=True)
    assert shop.checksums() == repaired
    report = RunReport.model_validate_json(artifact_text(record, "report.json"))
    assert "api/requirements.txt" in report.commit_message
    assert record.run_id in report.commit_message


def test_scenario_2_state_health_check_and_http_must_all_pass_and_stay_so(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """An app that needs three seconds to get ready is waited for; every check is a line of verify.log."""
    slow = web_app("humanize").replace(
        'status = 200 if self.path == "/health" else 404',
        'status = 200 if __import__("time").monotonic() > READY else 503',
    )
    slow = slow.replace('print("serving"', 'READY = __import__("time").monotonic() + 3\nprint("serving"')
    files = {"compose.yaml": compose_file(web_block("api")), **web_service("api", "humanize")}
    shop = compose_project(files | {"api/app.py": slow})
    shop.up()
    operator.write_policy(policy(shop.name, str(shop.directory), max_wait_seconds=90, extra_service=HTTP))

    record = check_succeeded(operator.run_local(shop.directory, "api", REPAIR), shop)

    lines = artifact_text(record, "verify.log").splitlines()
    http = [line for line in lines if "http http://127.0.0.1:8000/health [target]" in line]
    assert any(" FAIL " in line for line in http)
    assert " ok " in http[-1]
    first_good = next(i for i, line in enumerate(lines) if line in http and " ok " in line)
    last_bad = max(i for i, line in enumerate(lines) if " FAIL " in line)
    assert any(" ok   state " in line for line in lines)
    assert any(" ok   health " in line for line in lines)
    assert "verdict: healthy" in lines[-1]
    assert last_bad < len(lines) - 2, "it was not seen good for a while"
    assert first_good > 0
    verify = next(step for step in record.steps if step.name is StepName.VERIFY)
    assert verify.started_at is not None
    assert verify.completed_at is not None
    assert (verify.completed_at - verify.started_at).total_seconds() >= 2 + 2  # ready late, then stable


def test_scenario_2_a_healthy_container_is_not_enough_where_http_fails(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """The repaired app's container is healthy, its configured URL is not: rolled back, not succeeded."""
    shop = compose_project(broken_shop("humanize"))
    shop.up()
    wrong = [line.replace("/health", "/no-such-page") for line in HTTP]
    operator.write_policy(policy(shop.name, str(shop.directory), max_wait_seconds=8, extra_service=wrong))
    before = stand(shop)

    record = check_rolled_back(
        operator.run_local(shop.directory, "api", REPAIR), "health_timeout", shop, before
    )

    assert step_statuses(record)[StepName.VERIFY, 1] is StepStatus.FAILED
    assert record.failure is not None
    assert "404" in record.failure.message
    assert "verify.log" in record.failure.artifacts
    log = artifact_text(record, "verify.log")
    assert " ok   health " in log
    assert "http://127.0.0.1:8000/no-such-page" in log
