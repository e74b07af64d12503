"""A failure that brings a new cause is the evidence of the next round; the rollback point stays round 1's."""

from tests.acceptance.operator import Operator, artifact_text, check_artifacts
from tests.acceptance.proofs import check_rolled_back, check_succeeded, stand, step_statuses
from tests.acceptance.stacks import (
    DOCKERFILE,
    NEVER_HEALTHY,
    compose_file,
    policy,
    web_app,
    web_block,
    web_service,
)
from tests.conftest import ComposeFactory
from tests.sandbox import ComposeSandbox
from workflows.models.finding import FindingKind
from workflows.models.status import StepName, StepStatus

CHECKED_BUILD = DOCKERFILE.replace("CMD", 'RUN python -c "import humanize"\nCMD')
"""A build that proves an import, as careful Dockerfiles do."""
HIDDEN = web_app("importlib").replace(
    "signal.signal", 'importlib.import_module("tabulate")\nsignal.signal', 1
)
"""An import that no scan of the sources sees: it shows when the app starts."""


def shop_that_hides_causes(make: ComposeFactory) -> ComposeSandbox:
    """No container; ``humanize`` lacks in the build, ``tabulate`` at the start."""
    files = {"compose.yaml": compose_file(web_block("api")), **web_service("api")}
    return make(files | {"api/Dockerfile": CHECKED_BUILD, "api/app.py": HIDDEN})


def test_each_round_repairs_what_the_round_before_has_shown(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """Round 1 does not build, round 2 builds and crashes, round 3 is healthy: one cumulative diff."""
    shop = shop_that_hides_causes(compose_project)
    operator.write_policy(policy(shop.name, str(shop.directory), max_wait_seconds=90))
    original = shop.checksums()

    record = check_succeeded(operator.run_local(shop.directory, "rebuild api"), shop, rounds=3)

    statuses = step_statuses(record)
    assert statuses[StepName.BUILD, 1] is StepStatus.FAILED
    assert statuses[StepName.BUILD, 2] is StepStatus.SUCCEEDED
    assert StepStatus.FAILED in {statuses[StepName.RESTART, 2], statuses[StepName.VERIFY, 2]}
    assert statuses[StepName.VERIFY, 3] is StepStatus.SUCCEEDED
    check_artifacts(record, "build.log", "build.2.log", "build.3.log", "verify.2.log", "verify.3.log",
                    "analyze.2.log", "analyze.3.log", "patch.diff")  # fmt: skip
    assert "No module named 'humanize'" in artifact_text(record, "build.log")
    assert record.plan is not None
    assert [(f.kind, f.names) for f in record.plan.findings] == [
        (FindingKind.REBUILD, ()),
        (FindingKind.ADD_PYTHON_PACKAGE, ("humanize",)),
        (FindingKind.ADD_PYTHON_PACKAGE, ("tabulate",)),
    ]
    assert record.plan.base_hashes == {"api/requirements.txt": original["api/requirements.txt"]}
    assert shop.read("api/requirements.txt") == "# packages\nhumanize\ntabulate\n"
    diff = artifact_text(record, "patch.diff")
    assert "+humanize" in diff
    assert "+tabulate" in diff
    touched = record.files_touched[0]
    assert (touched.before, touched.after) == (
        original["api/requirements.txt"],
        shop.checksums()["api/requirements.txt"],
    )
    assert shop.container("api").attrs["State"]["Health"]["Status"] == "healthy"


def test_a_failure_in_the_last_round_leads_back_to_before_the_first(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """Three rounds wrote and built; the rollback removes it all: original files, no container, no image."""
    shop = shop_that_hides_causes(compose_project)
    operator.write_policy(
        policy(shop.name, str(shop.directory), max_wait_seconds=15, extra_service=NEVER_HEALTHY)
    )
    before = stand(shop)

    record = check_rolled_back(
        operator.run_local(shop.directory, "rebuild api"), "health_timeout", shop, before
    )

    assert record.rounds == 3
    assert shop.read("api/requirements.txt") == "# packages\n"


def test_no_more_rounds_than_policy_permits(compose_project: ComposeFactory, operator: Operator) -> None:
    """With two rounds the cause of the second crash is known, not acted on, and everything is put back."""
    shop = shop_that_hides_causes(compose_project)
    limits = "limits:\n  max_rounds: 2\n"
    operator.write_policy(policy(shop.name, str(shop.directory), max_wait_seconds=90, extra=limits))
    before = stand(shop)

    record = check_rolled_back(
        operator.run_local(shop.directory, "rebuild api"), "container_crashed", shop, before
    )

    assert record.rounds == 2
    assert record.failure is not None
    assert "No module named 'tabulate'" in record.failure.message
