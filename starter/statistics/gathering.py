"""Brings together what Temporal lists and what the reports say (SC-001 to SC-004)."""

import asyncio
from collections import Counter
from collections.abc import Mapping

from temporalio.client import Client

from starter.statistics.compute import Gathered, Period
from starter.statistics.facts import RunFacts
from starter.statistics.reports import ReportSource
from starter.statistics.visible import VisibleRun, visible_runs
from starter.stored import StoredReports
from workflows.errors import OrchestratorError


async def gather(client: Client, reports: StoredReports, period: Period) -> Gathered:
    """The runs of a period; what does not answer is noted, and the rest is counted.

    Raises:
        OrchestratorError: where neither Temporal nor any report could be read.
    """
    source = ReportSource(reports.state_dir, period.whole_months_since, period.until, reports.store)
    facts, unread = await asyncio.to_thread(_read, source)
    notes = [f"Reports of the object store are not counted: {unread.message}"] if unread is not None else []
    try:
        visible = await visible_runs(client, period.since, period.until)
    except OrchestratorError as error:
        if not facts:
            raise
        visible = {}
        notes.append(f"Open runs, and runs without a report, are not counted: {error.message}")
    known = {run.run_id for run in facts}
    unreported = {run_id: run for run_id, run in visible.items() if run_id not in known}
    if period.project is not None and unreported:
        notes.append("Open runs, and runs without a report, are those of all projects.")
    return Gathered(
        runs=facts,
        open=_states(unreported, still_open=True),
        without_record=_states(unreported, still_open=False),
        notes=tuple(notes),
    )


def _read(source: ReportSource) -> tuple[list[RunFacts], OrchestratorError | None]:
    """All facts, and what kept the object store's from being read."""
    try:
        return list(source.facts()), None
    except OrchestratorError as error:
        alone = ReportSource(source.state_dir, source.since, source.until)
        return list(alone.facts()), error


def _states(runs: Mapping[str, VisibleRun], *, still_open: bool) -> dict[str, int]:
    return dict(Counter(run.state for run in runs.values() if run.open is still_open).most_common())
