"""The console script ``mm-orchestrator``: every command, and the last line of defence around them.

No traceback ever reaches an operator. The process ends by ``os._exit`` after its streams are flushed:
the Temporal SDK's runtime sometimes aborts in an ordinary interpreter exit, after all is done.
"""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NoReturn

from starter.telemetry import finish

_FAILED: Final = 5
_INTERRUPTED: Final = 130
_LAST_SPANS_SECONDS: Final = 1.0


def main() -> NoReturn:
    """Run the command line and end the process with its exit code (DESIGN section 5)."""
    code = run_command_line(sys.argv[1:])
    finish(_LAST_SPANS_SECONDS)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # the reader of a pipe may be gone
            stream.flush()
    os._exit(code)


def run_command_line(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit code, whatever happens."""
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the border to the operator
        return _told(error)


def _run(arguments: Sequence[str]) -> int:
    from starter.cli.app import build_app  # noqa: PLC0415 - inside, so that an import error is told as well
    from worker.commands import add_commands, local_stack  # noqa: PLC0415
    from worker.last_words import mask_last_words  # noqa: PLC0415
    from worker.own_secrets import known_secrets  # noqa: PLC0415

    mask_last_words(known_secrets().mask)
    app = build_app(local_stack)
    add_commands(app)
    try:
        app(args=list(arguments), prog_name="mm-orchestrator")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


def _told(error: Exception) -> int:
    """Say what is wrong in one line and what to do in the next."""
    from worker.error_mapping import brief  # noqa: PLC0415
    from worker.own_secrets import known_secrets  # noqa: PLC0415
    from workflows.errors import OrchestratorError  # noqa: PLC0415

    if os.environ.get("MM_ORCHESTRATOR_DEBUG"):
        raise error
    mask = known_secrets().mask
    told = error if isinstance(error, OrchestratorError) else None
    told = told or OrchestratorError("internal_error", detail=brief(error, mask))
    sys.stderr.write(f"{told.code}: {mask(told.message)}\n")
    if told.remedy:
        sys.stderr.write(f"→ {told.remedy}\n")
    return _FAILED
