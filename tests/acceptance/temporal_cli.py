"""What the real ``temporal`` command line says of a run, and makes of it."""

import base64
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from tests.acceptance.operator import Operator, Ran

TYPE = "MoonMind.OrchestratorRun"
RAW = ("--output", "json", "--no-json-shorthand-payloads")
"""Payloads as they are: the shorthand of the command line writes an empty list as null."""


@dataclass(frozen=True)
class History:
    """Every event of a workflow; ``text`` has the payloads decoded, so that nothing can hide in base64."""

    events: list[dict[str, Any]]
    text: str

    @property
    def size_bytes(self) -> int:
        """Length of all payloads and names, decoded."""
        return len(self.text.encode())

    def count(self, activity: str) -> int:
        """How often an activity was scheduled."""
        return self.scheduled()[activity]

    def scheduled(self) -> Counter[str]:
        """Activity name -> how often it was scheduled."""
        attributes = (event.get("activityTaskScheduledEventAttributes") for event in self.events)
        return Counter(str(found["activityType"]["name"]) for found in attributes if found)


def start(operator: Operator, request: object, *options: str) -> str:
    """``temporal workflow start`` with this one JSON input; returns the workflow id at once."""
    return start_with(operator, ("--input", json.dumps(request)), *options)


def start_with(operator: Operator, inputs: Sequence[str], *options: str) -> str:
    """``temporal workflow start`` with these input options."""
    workflow_id = f"mm:{uuid4()}"
    started = operator.temporal(
        "workflow", "start", "--type", TYPE, "--task-queue", "mm.orchestrator",
        "--workflow-id", workflow_id, *inputs, *options,
    )  # fmt: skip
    assert started.code == 0, started.stderr
    return workflow_id


def result(operator: Operator, workflow_id: str) -> Ran:
    """``temporal workflow result``: waits for the end."""
    return operator.temporal("workflow", "result", "--workflow-id", workflow_id, *RAW)


def result_value(operator: Operator, workflow_id: str) -> Any:
    """The value a workflow returned."""
    ended = result(operator, workflow_id)
    assert ended.code == 0, f"{ended.stdout}\n{ended.stderr}"
    event = json.loads(ended.stdout)["closeEvent"]
    return _decoded(event["workflowExecutionCompletedEventAttributes"]["result"]["payloads"][0])


def query(operator: Operator, workflow_id: str, name: str) -> Any:
    """``temporal workflow query --type NAME``."""
    asked = operator.temporal("workflow", "query", "--type", name, "--workflow-id", workflow_id, *RAW)
    assert asked.code == 0, asked.stderr
    return _decoded(json.loads(asked.stdout)["queryResult"]["payloads"][0])


def description(operator: Operator, workflow_id: str) -> dict[str, Any]:
    """``temporal workflow describe``: status, memo and search attributes, decoded."""
    asked = operator.temporal("workflow", "describe", "--workflow-id", workflow_id, *RAW)
    assert asked.code == 0, asked.stderr
    info = json.loads(asked.stdout)["workflowExecutionInfo"]
    return {
        "status": info["status"].removeprefix("WORKFLOW_EXECUTION_STATUS_"),
        "memo": _fields(info.get("memo", {}).get("fields", {})),
        "search_attributes": _fields(info.get("searchAttributes", {}).get("indexedFields", {})),
        "history_size_bytes": int(info.get("historySizeBytes", 0)),
    }


def listed(operator: Operator, visibility_query: str, seconds: float = 60, *, holds: str) -> set[str]:
    """``temporal workflow list -q QUERY`` as soon as it names ``holds``; visibility lags a little."""
    deadline = time.monotonic() + seconds
    while True:
        asked = operator.temporal("workflow", "list", "--query", visibility_query, "--output", "json")
        assert asked.code == 0, asked.stderr
        found = {str(item["execution"]["workflowId"]) for item in json.loads(asked.stdout)}
        if holds in found or time.monotonic() > deadline:
            return found
        time.sleep(0.1)


def history(operator: Operator, workflow_id: str) -> History:
    """``temporal workflow show``."""
    shown = operator.temporal("workflow", "show", "--workflow-id", workflow_id, *RAW)
    assert shown.code == 0, shown.stderr
    events = json.loads(shown.stdout)["events"]
    return History(events, json.dumps(_opened(events), ensure_ascii=False))


def signal(operator: Operator, workflow_id: str, name: str, payload: object) -> Ran:
    """``temporal workflow signal --name NAME -i JSON``."""
    sent = operator.temporal(
        "workflow", "signal", "--workflow-id", workflow_id, "--name", name, "--input", json.dumps(payload)
    )
    assert sent.code == 0, sent.stderr
    return sent


def update(operator: Operator, workflow_id: str, name: str, payload: object) -> Any:
    """``temporal workflow update execute --name NAME -i JSON``; the answer."""
    sent = operator.temporal(
        "workflow", "update", "execute", "--workflow-id", workflow_id, "--name", name,
        "--input", json.dumps(payload), "--output", "json",
    )  # fmt: skip
    assert sent.code == 0, f"{sent.stdout}\n{sent.stderr}"
    return json.loads(sent.stdout)["result"]


def _decoded(payload: dict[str, Any]) -> Any:
    data = base64.b64decode(payload.get("data", ""))
    return json.loads(data) if data else None


def _fields(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: _decoded(payload) for name, payload in fields.items()}


def _opened(node: Any) -> Any:
    """The same tree with every payload's bytes as text."""
    if isinstance(node, list):
        return [_opened(item) for item in node]
    if not isinstance(node, dict):
        return node
    if isinstance(node.get("data"), str) and "metadata" in node:
        return base64.b64decode(node["data"]).decode(errors="replace")
    return {key: _opened(value) for key, value in node.items()}
