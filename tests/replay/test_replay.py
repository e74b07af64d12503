"""Histories of runs that are still open when a new version is deployed must replay (TEMPORAL: replay).

``RECORD_HISTORIES=1`` writes them anew; that is right only before a release, never to make this green.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from starter.converter import data_converter
from tests.replay.stories import STORIES
from tests.workflow.scripted_host import ScriptedHost
from worker.sandbox import sandbox
from worker.workers import WORKFLOWS

HISTORIES = Path(__file__).parent / "histories"
_IDENTITY = re.compile(r'("identity": )"[^"]*"')
_STACK_TRACE = re.compile(r'("stackTrace": )"(?:[^"\\]|\\.)*"')


@pytest.mark.parametrize("name", STORIES)
async def test_a_saved_history_replays(name: str) -> None:
    """Today's workflow code takes every decision the saved run took."""
    if os.environ.get("RECORD_HISTORIES"):
        return
    history = WorkflowHistory.from_json(f"mm:{name}", (HISTORIES / f"{name}.json").read_text())
    replayer = Replayer(workflows=WORKFLOWS, data_converter=data_converter, workflow_runner=sandbox())
    result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
    assert result.replay_failure is None


@pytest.mark.parametrize("name", STORIES)
async def test_todays_run_of_the_same_story_replays(
    stage_of: Callable[[ScriptedHost], Any], name: str
) -> None:
    """Every kind of run is deterministic now; recording, if asked for, happens here."""
    host, tell = STORIES[name]
    stage = await stage_of(host())
    handle = await tell(stage)
    history = await handle.fetch_history()
    if os.environ.get("RECORD_HISTORIES"):
        text = _STACK_TRACE.sub(r'\1""', _IDENTITY.sub(r'\1"worker"', history.to_json()))
        (HISTORIES / f"{name}.json").write_text(text + "\n")
    replayer = Replayer(workflows=WORKFLOWS, data_converter=data_converter, workflow_runner=sandbox())
    await replayer.replay_workflow(history)


def test_a_change_of_the_lifecycle_would_be_noticed() -> None:
    """No history lies unused, so dropping a story from the list cannot hide it."""
    assert {path.stem for path in HISTORIES.glob("*.json")} == set(STORIES)
