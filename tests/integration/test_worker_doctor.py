"""``doctor`` on this machine: real Docker, real files, real or missing servers."""

import os
from pathlib import Path

import docker
import pytest

from tests.stores.servers import StoreServer
from worker.doctor import Check, Grade, examine
from worker.main import run_command_line
from worker.settings import load_settings


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("TEMPORAL_ADDRESS", "MM_ORCHESTRATOR_POLICY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MM_ORCHESTRATOR_STATE_DIR", str(tmp_path / "state"))


async def checks() -> dict[str, Check]:
    """The doctor's answer by name."""
    return {check.name: check for check in await examine(load_settings())}


async def test_a_machine_that_has_everything(docker_engine: docker.DockerClient, tmp_path: Path) -> None:
    """No check fails, the daemon's version is the daemon's, and nothing is made."""
    found = await checks()
    assert {check.grade for check in found.values()} <= {Grade.OK, Grade.NOTE}
    assert docker_engine.version()["Version"] in found["Docker daemon"].detail
    assert not (tmp_path / "state").exists()


async def test_docker_down_is_told_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check fails alone; the others still answer."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/such/docker.sock")
    found = await checks()
    assert found["Docker daemon"].grade is Grade.FAILED
    assert found["Docker daemon"].remedy
    assert found["Free space"].grade is Grade.OK


async def test_no_docker_command_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty PATH has neither docker nor its compose plugin."""
    monkeypatch.setenv("PATH", str(tmp_path))
    found = await checks()
    assert found["Docker Compose"].grade is Grade.FAILED
    assert found["Docker Compose"].remedy


async def test_a_configured_server_must_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without TEMPORAL_ADDRESS a missing server is a note; with it, a failure."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    temporal = (await checks())["Temporal"]
    assert temporal.grade is Grade.FAILED
    assert "127.0.0.1:1" in temporal.detail


async def test_an_object_store_is_tried_out(
    monkeypatch: pytest.MonkeyPatch, store_server: StoreServer, tmp_path: Path
) -> None:
    """A small object is written, read and removed; a wrong login is told with the setting to correct."""
    for name, value in store_server.environment("doctor-bucket").items():
        monkeypatch.setenv(name, value)
    fine = (await checks())["Artifact store"]
    assert (fine.grade, fine.remedy) == (Grade.OK, "")
    assert f"{store_server.endpoint}/doctor-bucket" in fine.detail
    monkeypatch.setenv("TEMPORAL_ARTIFACT_S3_SECRET_ACCESS_KEY", "sk-canary-of-the-test")
    refused = (await checks())["Artifact store"]
    assert refused.grade is Grade.FAILED
    assert "TEMPORAL_ARTIFACT_S3_ACCESS_KEY_ID" in refused.remedy
    assert "sk-canary" not in refused.detail
    assert not (tmp_path / "state").exists()


async def test_what_waits_in_the_spool_is_told(tmp_path: Path) -> None:
    """How many, and how much."""
    waiting = tmp_path / "state" / "spool" / "a-run"
    waiting.mkdir(parents=True)
    (waiting / "build.log").write_bytes(b"x" * (3 << 20))
    (tmp_path / "state").chmod(0o700)
    spool = (await checks())["Spool"]
    assert spool.grade is Grade.NOTE
    assert "1 artifacts (3.0 MiB)" in spool.detail


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
async def test_a_foreign_state_directory_is_told(tmp_path: Path) -> None:
    """It belongs to somebody else: their run data, not ours."""
    state = tmp_path / "state"
    state.mkdir()
    os.chown(state, 12345, 12345)
    found = await checks()
    assert found["State directory"].grade is Grade.FAILED
    assert "12345" in found["State directory"].detail


def test_the_command_exits_five_when_a_check_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """One line per check, the remedy below the failed one."""
    policy = tmp_path / "policy.yaml"
    policy.write_text("versoin: 1\n")
    monkeypatch.setenv("MM_ORCHESTRATOR_POLICY", str(policy))
    assert run_command_line(["doctor"]) == 5
    out = capsys.readouterr().out
    failed = [line for line in out.splitlines() if line.startswith("FAILED")]
    assert len(failed) == 1
    assert "Policy" in failed[0]
    assert "versoin" in failed[0]
    assert "→" in out
    monkeypatch.delenv("MM_ORCHESTRATOR_POLICY")
    assert run_command_line(["doctor"]) == 0


async def test_a_webhook_is_told_but_never_its_address(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whether there is one, whether it is signed, and how many letters wait."""
    assert (await checks())["Notifications"] == Check("Notifications", Grade.OK, "no webhook is configured")
    monkeypatch.setenv("MM_ORCHESTRATOR_NOTIFY_URL", "https://hooks.example/services/T0/aVerySecretPath")
    outbox = tmp_path / "state" / "outbox"
    outbox.mkdir(parents=True)
    (outbox / "abc.json").write_text("{}")
    found = (await checks())["Notifications"]
    assert (found.grade, found.detail) == (
        Grade.NOTE, "a webhook is configured, not signed; 1 wait for delivery"
    )  # fmt: skip
    assert "SecretPath" not in repr(found) + repr(load_settings())
