"""The evidence of a real repair, read at another machine when Temporal is gone (FR-011, SC-003)."""

from __future__ import annotations

import json
from pathlib import Path

from starter.statistics.model import Statistics
from tests.acceptance.operator import Operator
from tests.acceptance.stacks import broken_shop, policy
from tests.conftest import ComposeFactory
from tests.stores.evidence import fresh_bucket
from tests.stores.servers import StoreServer
from workflows.models.status import RunStatus

REPAIR = "repair the missing dependency for the api service"


def test_a_real_repair_is_proved_from_the_store_alone(
    compose_project: ComposeFactory, operator: Operator, seaweed_server: StoreServer, tmp_path: Path
) -> None:
    """Its record, its bundle and its numbers: no Temporal, an empty state directory, only the bucket."""
    shop = compose_project(broken_shop("humanize"))
    shop.up()
    operator.write_policy(policy(shop.name, str(shop.directory), max_wait_seconds=90))
    operator.extra_env |= seaweed_server.environment(fresh_bucket())
    done = operator.run_local(shop.directory, "api", REPAIR).record
    assert done.status is RunStatus.SUCCEEDED, done.failure

    away = Operator(tmp_path / "elsewhere")
    away.extra_env |= operator.extra_env | {"TEMPORAL_ADDRESS": "127.0.0.1:1"}
    explained = away.command("explain", done.run_id)
    assert "Complete. Take it along" in explained.stdout, explained.stderr
    assert away.command("logs", done.run_id, "build").stdout
    folder = tmp_path / "bundle"
    assert away.command("artifacts", done.run_id, "--download", str(folder)).code == 0
    assert {path.name for path in folder.iterdir()} == {artifact.name for artifact in done.artifacts}
    checked = away.command("verify-bundle", str(folder), "--json")
    found = json.loads(checked.stdout)
    assert (checked.code, found["complete"], found["anchor"]["words"]) == (
        0,
        True,
        "Temporal does not answer",
    )

    numbers = Statistics.model_validate_json(away.command("stats", "--json").stdout)
    assert numbers.runs.by_status == {"succeeded": 1}
    by_id = {criterion.id: criterion for criterion in numbers.criteria}
    assert (by_id["SC-001"].n, by_id["SC-001"].met) == (1, True)
    assert (by_id["SC-003"].n, by_id["SC-003"].met) == (1, True), by_id["SC-003"].exceptions
    assert [cause.kind for cause in numbers.causes] == ["add_python_package"]
    assert numbers.downtime.n == 1
    (folder / "verify.log").write_text("all is well\n")
    assert away.command("verify-bundle", str(folder)).code == 5
