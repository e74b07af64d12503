"""The specification's edge cases, each on real parts."""

import json
import shutil
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance import temporal_cli
from tests.acceptance.operator import Operator, artifact_text, check_artifacts
from tests.acceptance.proofs import held_runs, stand
from tests.acceptance.stacks import NEVER_HEALTHY, broken_shop, policy
from tests.conftest import ComposeFactory
from workflows.models.artifact import ArtifactState
from workflows.models.record import RunRecord
from workflows.models.status import RunStatus, StepName, StepStatus

REPAIR = "repair the missing dependency for the api service"
ADD = "add humanize to api"


@contextmanager
def silent_socket(path: Path) -> Iterator[str]:
    """A Docker endpoint that accepts every connection and never says a word."""
    taken: list[socket.socket] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def accept() -> None:
            while True:
                try:
                    taken.append(listener.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield f"unix://{path}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=5)
            for connection in taken:
                connection.close()


@pytest.mark.parametrize("kind", ["no socket", "nobody listens", "no answer", "no such host"])
def test_docker_unavailable(compose_project: ComposeFactory, operator: Operator, kind: str) -> None:
    """Docker down in any way: ``docker_unavailable`` within 3 s, the remedy named, nothing touched."""
    shop = compose_project(broken_shop("humanize"))
    shop.up("store")
    before = stand(shop)
    operator.write_policy(policy(shop.name, str(shop.directory)))
    path = operator.root / "d.sock"
    with silent_socket(path) as silent:
        dead = operator.root / "dead.sock"
        with socket.socket(socket.AF_UNIX) as closed:
            closed.bind(str(dead))
        operator.extra_env["DOCKER_HOST"] = {
            "no socket": f"unix://{operator.root}/none.sock",
            "nobody listens": f"unix://{dead}",
            "no answer": silent,
            "no such host": "tcp://127.0.0.1:1",
        }[kind]
        ran = operator.run_local(shop.directory, "api", REPAIR)
    record = ran.record
    assert (ran.code, record.status, record.code) == (5, RunStatus.FAILED, "docker_unavailable")
    assert record.failure is not None
    assert record.failure.step is StepName.PREFLIGHT
    assert "DOCKER_HOST" in record.failure.remedy
    preflight = next(step for step in record.steps if step.name is StepName.PREFLIGHT)
    assert preflight.started_at is not None
    assert preflight.completed_at is not None
    assert (preflight.completed_at - preflight.started_at).total_seconds() < 20  # 3 s, and a busy machine
    assert [s.name for s in record.steps if s.status is StepStatus.SUCCEEDED] == [StepName.REPORT]
    assert record.files_touched == ()
    assert "Traceback" not in ran.stderr
    check_artifacts(record, "events.jsonl", "report.json", "manifest.json")
    assert stand(shop) == before
    assert list((operator.state / "journals").iterdir()) == []


def test_docker_goes_away_after_the_start_of_the_worker(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """A worker that once reached Docker says so as well when it is gone, and works again when it is back."""
    shop = compose_project(broken_shop("humanize"))
    shop.up()
    files = shop.checksums()
    operator.write_policy(policy(shop.name, str(shop.directory)))
    link = operator.root / "docker.sock"
    link.symlink_to("/var/run/docker.sock")
    operator.extra_env["DOCKER_HOST"] = f"unix://{link}"
    with operator.dev(shop.directory):
        link.unlink()
        gone = operator.command("run", "api", REPAIR, "--json")
        assert (gone.code, gone.record.code) == (5, "docker_unavailable"), gone.stderr
        assert shop.checksums() == files
        link.symlink_to("/var/run/docker.sock")
        back = operator.command("run", "api", REPAIR, "--json")
        assert (back.code, back.record.status) == (0, RunStatus.SUCCEEDED), back.record.failure


def test_an_instruction_for_a_service_that_is_missing(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """Validated upfront: close matches, the list of services, a remedy; no file altered."""
    shop = compose_project(broken_shop("humanize"))
    shop.up()
    before = stand(shop)
    operator.write_policy(policy(shop.name, str(shop.directory)))
    for service, instruction, close in (
        ("apii", REPAIR.replace("api", "apii"), "did you mean api?"),
        ("stroe", "restart stroe", "did you mean store?"),
        ("database", "rebuild the database", "It has: api, store"),
    ):
        ran = operator.run_local(shop.directory, service, instruction)
        assert (ran.code, ran.record.code) == (5, "unknown_service")
        failure = ran.record.failure
        assert failure is not None
        assert close in failure.message
        assert "api, store" in failure.message
        assert failure.remedy
    unlabelled = operator.run_local(shop.directory, "repair the apii service")
    assert (unlabelled.code, unlabelled.record.code) == (5, "unknown_service"), unlabelled.record.failure
    after = stand(shop)
    assert (after.files, after.neighbours, after.reference) == (
        before.files,
        before.neighbours,
        before.reference,
    )


def test_a_health_endpoint_that_never_becomes_ready(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """Rolled back once, then ended with references to the verification log."""
    shop = compose_project(broken_shop("humanize", requirements="humanize\n"))
    shop.up()
    before = stand(shop)
    operator.write_policy(
        policy(shop.name, str(shop.directory), max_wait_seconds=4, extra_service=NEVER_HEALTHY)
    )
    with operator.dev(shop.directory):
        ran = operator.command("run", "api", "add tabulate to api", "--json")
        record = ran.record
        history = temporal_cli.history(operator, record.workflow_id)
    assert (ran.code, record.status, record.code) == (4, RunStatus.ROLLED_BACK, "health_timeout")
    assert record.failure is not None
    assert "verify.log" in record.failure.artifacts
    assert "/no-such-page" in artifact_text(record, "verify.log")
    assert history.count("rollback") == 1
    states = Counter(
        (event["step"], event["state"])
        for event in map(json.loads, artifact_text(record, "events.jsonl").splitlines())
    )
    assert states[("rollback", "in_progress")] == states[("rollback", "succeeded")] == 1
    check_artifacts(record, "verify.log", "rollback.log", "build.log", "report.json")
    assert stand(shop) == before
    assert held_runs(shop) == set()


def test_artifact_storage_unavailable_from_the_start(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """No place in the store: the repair goes on, the evidence is spooled, flagged, and readable there."""
    shop = compose_project(broken_shop("humanize"))
    shop.up()
    operator.write_policy(policy(shop.name, str(shop.directory)))
    (operator.state / "artifacts").mkdir(parents=True)
    (operator.state / "artifacts" / "spec_workflows").write_text("no directory")
    ran = operator.run_local(shop.directory, "api", REPAIR)
    record = ran.record
    assert (ran.code, record.status) == (0, RunStatus.SUCCEEDED), record.failure
    assert record.artifacts
    assert {artifact.state for artifact in record.artifacts} == {ArtifactState.SPOOLED}
    check_artifacts(
        record, "plan.json", "patch.diff", "build.log", "verify.log", "report.json", "manifest.json"
    )
    assert any("build.log" in warning and "waits for the store" in warning for warning in record.warnings)
    assert "waits for the store" in operator_sees(operator, record)
    assert shop.container("api").attrs["State"]["Health"]["Status"] == "healthy"


def operator_sees(operator: Operator, record: RunRecord) -> str:
    """What ``show`` prints when no server runs any more; the report is found in the spool, too."""
    operator.extra_env["TEMPORAL_ADDRESS"] = "127.0.0.1:1"
    shown = operator.command("show", record.run_id)
    assert shown.code == 0, shown.stderr
    return " ".join(shown.stdout.split())


def test_artifact_storage_lost_on_the_way(compose_project: ComposeFactory, operator: Operator) -> None:
    """Store and spool break while a run waits: the repair still succeeds, every piece is flagged missing.

    The next run, with the store restored, has a complete set again.
    """
    shop = compose_project(broken_shop("humanize"))
    shop.up()
    people = "approvals: {trust: unsigned, approver_roles: [sre]}\nroles: {sre: [alice]}\n"
    protected = policy(shop.name, str(shop.directory), extra_service=["protected: true"], extra=people)
    operator.write_policy(protected)
    with operator.dev(shop.directory):
        waiting = operator.command("run", "api", REPAIR, "--detach", "--json")
        assert waiting.code == 3, waiting.stderr
        run = waiting.record.run_id
        for name in ("artifacts", "spool"):
            shutil.move(operator.state / name, operator.root / name)
            (operator.state / name).write_text("no directory")
        assert operator.command("approve", run, "--approver", "alice", "--yes").code == 0
        watched = operator.command("watch", run, "--json")
        record = watched.record
        for name in ("artifacts", "spool"):
            (operator.state / name).unlink()
            shutil.move(operator.root / name, operator.state / name)
        again = operator.command("run", "api", "rebuild api", "--detach", "--json").record
        assert operator.command("approve", again.run_id, "--approver", "alice", "--yes").code == 0
        rerun = operator.command("watch", again.run_id, "--json")
    assert (watched.code, record.status) == (0, RunStatus.SUCCEEDED), record.failure
    states = {artifact.name: artifact.state for artifact in record.artifacts}
    assert states["plan.json"] is ArtifactState.STORED, "stored before the store was lost"
    for name in ("build.log", "restart.log", "verify.log", "diff-after.patch", "report.json"):
        assert states[name] is ArtifactState.MISSING, name
    assert any("build.log could not be stored" in warning for warning in record.warnings)
    assert shop.read("api/requirements.txt") == "# packages\nhumanize\n"
    assert shop.container("api").attrs["State"]["Health"]["Status"] == "healthy"
    assert rerun.code == 0, rerun.stderr
    assert {artifact.state for artifact in rerun.record.artifacts} == {ArtifactState.STORED}
    check_artifacts(rerun.record, "build.log", "verify.log", "report.json", "manifest.json")


@pytest.mark.parametrize("place", ["journals", "plans"])
def test_a_journal_that_cannot_be_written_stops_the_run_before_any_change(
    compose_project: ComposeFactory, operator: Operator, place: str
) -> None:
    """Evidence may be lost, the way back may not: without a journal no file is touched."""
    shop = compose_project(broken_shop("humanize"))
    shop.up()
    files, neighbours = shop.checksums(), shop.fingerprints(without="api")
    operator.write_policy(policy(shop.name, str(shop.directory)))
    with operator.dev(shop.directory):
        shutil.rmtree(operator.state / place)
        (operator.state / place).write_text("no directory")
        ran = operator.command("run", "api", REPAIR, "--json")
    record = ran.record
    assert (ran.code, record.status) == (5, RunStatus.FAILED)
    assert record.failure is not None
    assert record.failure.code != "internal_error", record.failure
    assert record.failure.remedy
    assert shop.checksums() == files
    assert shop.fingerprints(without="api") == neighbours
