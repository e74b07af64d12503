"""``mm-orchestrator verify-bundle``: does the evidence hold, and who says so (SPEC FR-011, I6)."""

from pathlib import Path
from typing import Annotated

import typer

from starter.cli.exit_codes import ExitCode
from starter.cli.options import AsJson
from starter.cli.session import session_of
from starter.rendering.bundle import bundle_view

Where = Annotated[
    str,
    typer.Argument(metavar="DIR_OR_RUN", help="A downloaded folder, or a run id.", show_default=False),
]


def verify_bundle(context: typer.Context, where: Where, *, as_json: AsJson = False) -> None:
    """Check a downloaded folder, or a run where it is stored, against its manifest.

    Every file that was altered, is missing or does not belong there is named; exit code 5 then.
    """
    session = session_of(context)
    folder = Path(where)

    async def work() -> int:
        async with session.client() as client:
            check = await client.verify_bundle(folder if _is_folder(where) else where)
        if as_json:
            session.json(check)
        else:
            session.answer(bundle_view(check))
        return ExitCode.OK if check.sound else ExitCode.FAILED

    session.execute(work)


def _is_folder(where: str) -> bool:
    """What exists here, or can only be a path: a run's name never holds a slash or begins with a dot."""
    return Path(where).exists() or "/" in where or where.startswith(".")
