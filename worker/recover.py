"""``mm-orchestrator recover``: settles what a lost run left, from its journal, without Temporal (I4)."""

import os
from collections.abc import Callable

from activities.adapters.journal import Journal
from activities.adapters.state_dir import StateDir
from activities.settle import How
from worker.composition import build_adapters, recovery_of
from worker.settings import WorkerSettings

DONE = 0
FAILED = 5
_LAST_NUMBERS_SECONDS = 0.5


async def recover_command(
    settings: WorkerSettings, run: str | None, accept_current_state: bool, say: Callable[[str], None]
) -> int:
    """The command: without a run it lists what is open, with one it settles that.

    Returns:
        0 where nothing of what was asked is left open, else 5.

    Raises:
        OrchestratorError: see ``Recovery.recover``.
    """
    on = await build_adapters(settings, StateDir(settings.state_dir), None, os.environ)
    recovery = recovery_of(on)
    if run is None:
        for journal in recovery.unsettled():
            say(_listed(journal))
        if not recovery.unsettled():
            say("Nothing to recover: every journal is settled.")
        return DONE
    code = DONE
    settled = await recovery.recover(run, accept_current_state=accept_current_state)
    await on.metrics.flush(_LAST_NUMBERS_SECONDS)
    for recovered in settled:
        say(f"{recovered.run_id}  {recovered.how.value}: {recovered.state}")
        for path in recovered.outcome.foreign_changes if recovered.outcome else ():
            say(f"  {path} was changed by somebody else and is left as it is")
        for lasting in recovered.outcome.not_undone if recovered.outcome else ():
            say(f"  not undone: {lasting}")
        if recovered.how is How.INCOMPLETE:
            say(f"→ mm-orchestrator recover {recovered.run_id}, or with --accept-current-state")
            code = FAILED
    return code


def _listed(journal: Journal) -> str:
    at = journal.opened_at.isoformat(timespec="seconds")
    files = ", ".join(entry.path for entry in journal.entries) or "no file"
    return (
        f"{journal.run_id}  {journal.project}/{journal.target.service}, since {at}, touched {files}\n"
        f"→ mm-orchestrator recover {journal.run_id}"
    )
