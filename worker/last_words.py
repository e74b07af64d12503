"""What Python itself says of an error that nobody caught: masked, like every other line on stderr (I5)."""

import logging
import sys
import threading
import traceback
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it brings the Temporal SDK along, and `--help` should not wait for that
    from worker.telemetry import Mask


def mask_last_words(mask: "Mask") -> None:
    """From now on tracebacks of the process, of threads and of finalizers are masked; warnings are logged.

    Args:
        mask: as it is when the words are said.
    """

    def say(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
        sys.stderr.write(mask("".join(traceback.format_exception(kind, error, trace))))

    def of_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_type is not SystemExit:
            say(args.exc_type, args.exc_value, args.exc_traceback)

    def ignored(told: "sys.UnraisableHookArgs") -> None:
        say(told.exc_type, told.exc_value, told.exc_traceback)

    sys.excepthook = say
    threading.excepthook = of_thread
    sys.unraisablehook = ignored
    logging.captureWarnings(True)  # noqa: FBT003 - the library's parameter
