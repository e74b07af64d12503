"""The command line as a process of its own, for tests of signals and terminals.

``--local`` connects to the server that STAGE_ADDRESS names instead of starting one. It ends as the
console script does: the SDK's runtime sometimes aborts in an ordinary interpreter exit.
"""

import os
import sys
from contextlib import suppress

from starter.cli.app import build_app
from tests.unit.cli_stage import connected


def main() -> int:
    """Run one command; its exit code."""
    try:
        build_app(lambda _dir: connected(os.environ["STAGE_ADDRESS"]))()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    return 0


if __name__ == "__main__":
    code = main()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(code)
