"""From nothing to a proved repair: the stack that operators start, worker in a container (SPEC FR-001)."""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
from pathlib import Path
from typing import Any

import docker
import pytest
from playwright.sync_api import sync_playwright

from tests.acceptance.operator import Operator, Ran
from tests.sandbox import ComposeSandbox
from tests.stack.stack import OWNER, Stack
from workflows.models.record import RunRecord
from workflows.models.status import RunStatus

REPAIR = "repair the missing dependency"
BROWSER = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-quic",
)


@pytest.fixture(scope="module")
def repaired(stack: Stack, shop: ComposeSandbox, operator: Operator) -> RunRecord:
    """The record of a repair of `api`, asked for on the host, done by the worker's container."""
    neighbours = shop.fingerprints(without="api")
    ran = operator.command("run", "api", REPAIR, "--json", timeout=600)
    assert ran.code == 0, f"{ran.stdout}\n{ran.stderr}\n{stack.logs('mm-orchestrator')}"
    assert shop.fingerprints(without="api") == neighbours
    return ran.record


def test_the_worker_is_not_root_and_repairs_a_sibling_project(
    repaired: RunRecord, stack: Stack, shop: ComposeSandbox
) -> None:
    """As the workspace's owner: files keep theirs; the service runs and was measured healthy."""
    assert repaired.status is RunStatus.SUCCEEDED
    assert repaired.project == shop.name
    assert "humanize" in shop.read("api/requirements.txt")
    assert {path.stat().st_uid for path in shop.directory.rglob("*")} == {OWNER}
    (api,) = shop.containers("api")
    assert api.status == "running"
    user = stack.compose("exec", "mm-orchestrator", "id", "-u").strip()
    assert user == str(OWNER)


def test_the_evidence_is_in_minio_for_its_own_client(
    repaired: RunRecord, stack: Stack, tmp_path: Path
) -> None:
    """`mc` lists every artifact of the record, and its bytes have the recorded checksum."""
    prefix = f"spec_workflows/{repaired.run_id}/"
    assert {artifact.uri.partition("://")[0] for artifact in repaired.artifacts} == {"s3"}
    bucket = repaired.artifacts[0].uri.split("/")[2]
    listed = {
        Path(entry["key"]).name: entry["size"] for entry in _mc(stack, tmp_path, "ls", f"{bucket}/{prefix}")
    }
    assert listed == {artifact.name: artifact.size_bytes for artifact in repaired.artifacts}
    assert {"plan.json", "patch.diff", "build.log", "verify.log", "report.html", "manifest.json"} <= set(
        listed
    )
    for artifact in repaired.artifacts:
        data = _mc_cat(stack, tmp_path, f"{bucket}/{prefix}{artifact.name}")
        assert hashlib.sha256(data).hexdigest() == artifact.sha256, artifact.name


def test_the_run_is_in_the_web_ui(repaired: RunRecord, stack: Stack) -> None:
    """In a browser, on the loopback address that the stack publishes."""
    page_address = f"http://127.0.0.1:{stack.ui_port}/namespaces/default/workflows"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(BROWSER))
        page = browser.new_page()
        page.goto(f"{page_address}/{repaired.workflow_id.replace(':', '%3A')}/{repaired.run_id}")
        page.get_by_text("MoonMind.OrchestratorRun").first.wait_for(timeout=30_000)
        page.get_by_text("Completed").first.wait_for(timeout=30_000)
        browser.close()


def test_a_protected_service_waits_for_a_token_by_the_temporal_command(
    stack: Stack, shop: ComposeSandbox, operator: Operator
) -> None:
    """`keys sign` on the host, `temporal workflow signal` with the token alone; then the repair goes on."""
    before = shop.checksums()
    asked = operator.command("run", "web", REPAIR, "--detach", "--json", "--requested-by", "dave")
    run = json.loads(asked.stdout)["run_id"]
    record = _until(operator, run, RunStatus.AWAITING_APPROVAL)
    assert shop.checksums() == before
    found = _temporal(
        operator, stack, "workflow", "list", "--query", 'mm_state="awaiting_external"', "-o", "json"
    )
    assert record.workflow_id in found.stdout
    signed = operator.command("keys", "sign", run, "--approver", "olga")
    assert signed.code == 0, signed.stderr
    token = json.dumps({"token": signed.stdout.strip().splitlines()[-1]})
    sent = _temporal(
        operator, stack, "workflow", "signal", "-w", record.workflow_id, "--name", "Approve", "-i", token
    )
    assert sent.code == 0, sent.stderr
    final = _until(operator, run, RunStatus.SUCCEEDED)
    assert [(one.approver, one.signed) for one in final.approvals] == [("olga", True)]


def test_the_stack_is_not_repaired_by_itself(stack: Stack, operator: Operator) -> None:
    """Its own project is not in the policy: nothing of it can be named."""
    refused = operator.command("run", "temporal", "restart temporal", "--project", stack.name, "--json")
    assert refused.code in {2, 5}
    assert "unknown_project" in refused.stdout + refused.stderr


def test_a_second_up_changes_nothing(stack: Stack, docker_engine: docker.DockerClient) -> None:
    """Passwords, schema and namespace are made once; the same containers go on."""
    mine = {"label": f"com.docker.compose.project={stack.name}"}
    before = {c.name: c.id for c in docker_engine.containers.list(filters=mine)}
    stack.up()
    assert {c.name: c.id for c in docker_engine.containers.list(filters=mine)} == before


def _until(operator: Operator, run: str, status: RunStatus) -> RunRecord:
    deadline = time.monotonic() + 180
    record = operator.show(run)
    while record.status is not status:
        assert time.monotonic() < deadline, (
            f"never {status}: {record.status} {record.summary} {record.failure}"
        )
        assert not record.status.terminal, f"{record.status}: {record.failure}"
        time.sleep(0.5)
        record = operator.show(run)
    return record


def _temporal(operator: Operator, stack: Stack, *args: str) -> Ran:
    return operator.command(*args, "--address", stack.temporal, program="temporal")


def _mc(stack: Stack, home: Path, *args: str) -> list[dict[str, Any]]:
    """The real client; one JSON document per line."""
    done = _run_mc(stack, home, args[0], "--json", *(f"stack/{path}" for path in args[1:]))
    return [json.loads(line) for line in done.splitlines()]


def _mc_cat(stack: Stack, home: Path, path: str) -> bytes:
    return _run_mc(stack, home, "cat", f"stack/{path}")


def _run_mc(stack: Stack, home: Path, *args: str) -> bytes:
    host = f"http://mm-orchestrator:{stack.secret('store-secrets', 'password')}@127.0.0.1:{stack.minio_port}"
    done = subprocess.run(
        ["minio-client", "--config-dir", str(home / "mc"), *args],
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), "MC_HOST_stack": host},
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
