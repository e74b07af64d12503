"""``mm-orchestrator retry``: the same request once more, as a run of its own (SPEC FR-002)."""

from typing import TYPE_CHECKING

import typer

from starter.cli.options import AsJson, Detach, RequestedBy, RunName
from starter.cli.run import HowToRun, carry_out
from starter.cli.session import session_of
from starter.rendering.style import plain
from starter.rendering.text import one_line

if TYPE_CHECKING:
    from starter.client import OrchestratorClient, RunHandle


def retry(
    context: typer.Context,
    run: RunName,
    *,
    detach: Detach = False,
    requested_by: RequestedBy = None,
    as_json: AsJson = False,
) -> None:
    """Ask for the same again, after a run that failed, was rolled back, rejected or cancelled.

    A new run, with a plan of its own and, where policy wants it, an approval of its own.
    """
    session = session_of(context)
    how = HowToRun(local=False, project_dir=None, detach=detach, as_json=as_json)

    async def start(client: "OrchestratorClient") -> "RunHandle":
        handle = await client.retry(run, requested_by=requested_by or session.settings.identity)
        session.note(plain(f"Run {handle.run_id} repeats run {one_line(run)}."))
        return handle

    session.execute(lambda: carry_out(session, how, start))
