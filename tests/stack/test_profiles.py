"""Numbers and traces of a run arrive where the profiles ``metrics`` and ``tracing`` say (SPEC FR-012)."""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import docker
import pytest

from tests.acceptance.operator import Operator
from tests.acceptance.stacks import broken_shop, policy
from tests.sandbox import ComposeSandbox, unique_project_name, write_files
from tests.stack.stack import OWNER, Stack, free_port, give_away

SCRAPED_SECONDS = 90
"""Prometheus looks every 15 s; the worker sends at least every 10 s."""


@dataclass(frozen=True)
class Watched:
    """A stack with both profiles, after one repair."""

    stack: Stack
    prometheus: str

    def ask(self, path: str, **query: str) -> Any:
        """What Prometheus answers."""
        address = f"{self.prometheus}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 - our own address
            return json.load(answer)["data"]

    def value(self, query: str) -> float:
        """The sum of a query's samples; 0 where there are none yet."""
        return sum(float(sample["value"][1]) for sample in self.ask("query", query=query)["result"])


@pytest.fixture(scope="module")
def watched(
    images: None, docker_engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    """Brought up as the head of temporal-compose.yaml says; Grafana only where its image can be had."""
    root = tmp_path_factory.mktemp("watched")
    directory, state = root / unique_project_name(), root / "state"
    directory.mkdir()
    state.mkdir(mode=0o700)
    write_files(directory, broken_shop("humanize"))
    (state / "policy.yaml").write_text(policy(directory.name, str(directory)))
    give_away(directory)
    give_away(state, OWNER)
    shop = ComposeSandbox(name=directory.name, directory=directory, engine=docker_engine)
    shop.up()
    ports = {"MM_PROMETHEUS_PORT": str(free_port()), "MM_GRAFANA_PORT": str(free_port())}
    told = {"MM_STATSD_HOST": "statsd-exporter", "MM_OTLP_ENDPOINT": "http://otel-collector:4318"}
    stack = Stack(workspace=directory, state=state, profiles=("metrics", "tracing"), extra=ports | told)
    operator = Operator(root, extra_env={"TEMPORAL_ADDRESS": stack.temporal})
    without = () if docker_engine.images.list("grafana/grafana") else ("grafana",)
    try:
        stack.up(without)
        ran = operator.command("run", "api", "repair the missing dependency", "--json", timeout=600)
        assert ran.code == 0, f"{ran.stdout}\n{ran.stderr}\n{stack.logs('mm-orchestrator')}"
        yield Watched(stack, f"http://127.0.0.1:{ports['MM_PROMETHEUS_PORT']}")
    finally:
        stack.down()
        shop.remove()


def test_the_runs_counters_reach_prometheus(watched: Watched) -> None:
    """Through StatsD and the exporter's mapping, under the labelled names that dashboard and alerts use."""
    run = 'mm_orchestrator_runs_total{status="succeeded"}'
    eventually(lambda: watched.value(run) == 1)
    eventually(lambda: watched.value("mm_orchestrator_repair_duration_seconds_count") == 1)
    eventually(lambda: watched.value("mm_orchestrator_worker_up") == 1)


def test_prometheus_carries_the_alert_rules(watched: Watched) -> None:
    """Every rule of deploy/alerts is loaded, was evaluated without an error, and fires for nothing."""
    eventually(lambda: all(rule["health"] == "ok" for rule in rules(watched)))
    assert {rule["name"] for rule in rules(watched)} >= {
        "MMOrchestratorWorkerDown", "MMOrchestratorRollbackIncomplete", "MMOrchestratorRepairsSlow",
    }  # fmt: skip
    assert [rule["name"] for rule in rules(watched) if rule["state"] == "firing"] == []


def test_the_runs_trace_reaches_the_collector(watched: Watched) -> None:
    """Spans over OTLP, told by the collector's own debug exporter."""
    eventually(lambda: '"spans": ' in watched.stack.logs("otel-collector"))


def rules(watched: Watched) -> list[dict[str, Any]]:
    """Every alert rule that Prometheus knows."""
    return [rule for group in watched.ask("rules")["groups"] for rule in group["rules"]]


def eventually(holds: Callable[[], bool]) -> None:
    """It becomes so, soon."""
    deadline = time.monotonic() + SCRAPED_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it never became so"
        time.sleep(1)
