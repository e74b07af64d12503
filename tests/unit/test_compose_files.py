"""The shipped compose files keep their promises: loopback only, health checks, limits, secrets in files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
STACK: dict[str, Any] = YAML(typ="safe").load(ROOT / "temporal-compose.yaml")
OWN: dict[str, Any] = YAML(typ="safe").load(ROOT / "deploy" / "compose.mm-orchestrator.yaml")
SERVICES: dict[str, dict[str, Any]] = STACK["services"]
JOBS = {name for name, service in SERVICES.items() if service["restart"] == "no"}
SERVING = sorted(set(SERVICES) - JOBS)


def seconds(text: str) -> float:
    """A Compose duration of one unit."""
    return float(text.removesuffix("s"))


def test_jobs_and_services_are_told_apart() -> None:
    """What ends by itself must not be started again."""
    assert {"init", "temporal-schema", "temporal-namespace"} == JOBS
    assert {"postgresql", "temporal", "temporal-ui", "minio", "mm-orchestrator"} <= set(SERVING)


@pytest.mark.parametrize("name", SERVING)
def test_nothing_listens_beyond_loopback(name: str) -> None:
    """Whoever wants more says so in an override file."""
    assert all(str(port).startswith("127.0.0.1:") for port in SERVICES[name].get("ports", ()))


@pytest.mark.parametrize("name", SERVING)
def test_every_service_is_watched_and_bounded(name: str) -> None:
    """Restart policy, memory limit, bounded logs; and a health check.

    The worker's is in its image. The collector's image has nothing that could ask, and a check that is
    disabled is worse than none: ``up --wait`` fails on it.
    """
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert service["mem_limit"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"]["options"]["max-size"]
    assert ("healthcheck" in service) == (name not in {"mm-orchestrator", "otel-collector"})
    assert not service.get("healthcheck", {}).get("disable")


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_what_is_needed_is_waited_for(name: str) -> None:
    """A job is waited for to its end, a service until it is healthy."""
    needed = SERVICES[name].get("depends_on", {})
    assert {other: said["condition"] for other, said in needed.items()} == {
        other: "service_completed_successfully" if other in JOBS else "service_healthy" for other in needed
    }


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_image_can_be_another_one(name: str) -> None:
    """By a variable, with a tag that is no moving one."""
    image = SERVICES[name]["image"]
    assert image.startswith("${MM_")
    assert ":" in image.partition(":-")[2]
    assert not image.endswith(":latest}")


def test_no_secret_is_in_the_environment() -> None:
    """Passwords are made at the first start and read from files."""
    names = [key for service in SERVICES.values() for key in service.get("environment", {})]
    secret = [key for key in names if "PASSWORD" in key or "SECRET" in key or key.endswith("_PWD")]
    assert {key for key in secret if not key.endswith(("_FILE", "_DIR"))} == set()


@pytest.mark.parametrize("worker", [SERVICES["mm-orchestrator"], OWN["services"]["mm-orchestrator"]])
def test_the_worker_is_confined_and_has_time_to_stop(worker: dict[str, Any]) -> None:
    """Its own uid, read-only, no capability; the same path on both sides; grace beyond its own shutdown."""
    assert worker["user"].startswith("${MM_UID")
    assert worker["read_only"] is True
    assert worker["cap_drop"] == ["ALL"]
    assert "${MM_WORKSPACE}:${MM_WORKSPACE}" in worker["volumes"]
    graceful = float(worker["environment"]["MM_ORCHESTRATOR_GRACEFUL_SHUTDOWN_SECONDS"])
    assert seconds(worker["stop_grace_period"]) > graceful + 10


def test_every_setting_of_the_worker_exists() -> None:
    """A variable that nobody reads is a promise that nobody keeps."""
    known = (ROOT / "deploy" / "SETTINGS.md").read_text()
    for worker in (SERVICES["mm-orchestrator"], OWN["services"]["mm-orchestrator"]):
        assert [name for name in worker["environment"] if f"`{name}`" not in known] == []


def test_volumes_are_declared_and_used() -> None:
    """`down -v` removes what is declared here, and nothing else is made."""
    used = {str(v).split(":")[0] for s in SERVICES.values() for v in s.get("volumes", ())}
    named = {name for name in used if not name.startswith((".", "/", "$"))} | {"state"}
    assert named == set(STACK["volumes"])
