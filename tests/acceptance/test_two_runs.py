"""Two runs at once: one writer per project, and no waiting between projects (I7)."""

import json
from datetime import datetime

from tests.acceptance.moments import ended, held, journals, start
from tests.acceptance.operator import Operator
from tests.acceptance.slow_stacks import slow_shop, unique_sleep
from tests.acceptance.stacks import policy
from tests.conftest import ComposeFactory
from workflows.models.record import RunRecord
from workflows.models.status import RunStatus

CHANGING = {"patch", "build", "restart", "verify", "rollback"}


def changing(record: RunRecord) -> tuple[datetime, datetime]:
    """When a run began and ended to change things."""
    steps = [s for s in record.steps if s.name in CHANGING and s.started_at and s.completed_at]
    began = min(step.started_at for step in steps if step.started_at)
    return began, max(step.completed_at for step in steps if step.completed_at)


def test_of_two_runs_on_one_project_one_waits(compose_project: ComposeFactory, operator: Operator) -> None:
    """Submitted at once with ``--detach``: one after the other, the second adds to the first."""
    shop = compose_project(slow_shop(sleep=unique_sleep(4)))
    shop.up()
    operator.write_policy(policy(shop.name, str(shop.directory)))
    with operator.dev(shop.directory):
        asked = ("add humanize to api", "add inflection to api")
        both = [operator.start("run", "api", words, "--detach", "--json") for words in asked]
        runs = []
        for process in both:
            stdout, stderr = process.communicate(timeout=240)
            assert stdout, stderr
            runs.append(json.loads(stdout)["run_id"])
        records = [ended(operator, run) for run in runs]
        assert [r.status for r in records] == [RunStatus.SUCCEEDED] * 2, [r.failure for r in records]
        first, second = sorted((changing(record) for record in records), key=lambda times: times[0])
        assert first[1] < second[0], "both changed the project at the same time"
    assert {journal["settled"]["outcome"] for journal in journals(operator)} == {"succeeded"}
    assert sorted(shop.read("api/requirements.txt").splitlines()[1:]) == ["humanize", "inflection"]
    kept = {run for run in runs if held(shop.engine, run)}
    assert kept == set(runs), "each success keeps the image it replaced"
    assert shop.container("api").exec_run(["python", "-c", "import humanize, inflection"]).exit_code == 0


def test_two_projects_are_repaired_side_by_side(compose_project: ComposeFactory, operator: Operator) -> None:
    """Both runs of one ``dev`` change things at the same time, each only its own project."""
    one, two = (compose_project(slow_shop(sleep=unique_sleep(15))) for _ in range(2))
    for shop in (one, two):
        shop.up()
    rules = policy(two.name, str(two.directory)).split("projects:\n", 1)[1]
    operator.write_policy(policy(one.name, str(one.directory)) + rules)
    stores = [shop.fingerprints(without="api") for shop in (one, two)]
    with operator.dev():
        runs = [start(operator, "add humanize to api", project=shop.name) for shop in (one, two)]
        records = [ended(operator, run) for run in runs]
    assert [record.status for record in records] == [RunStatus.SUCCEEDED] * 2, [r.failure for r in records]
    (began_1, ended_1), (began_2, ended_2) = map(changing, records)
    assert max(began_1, began_2) < min(ended_1, ended_2), "one waited for the other"
    for shop, store in zip((one, two), stores, strict=True):
        assert shop.read("api/requirements.txt") == "# packages\nhumanize\n"
        assert shop.container("api").attrs["State"]["Health"]["Status"] == "healthy"
        assert shop.fingerprints(without="api") == store
