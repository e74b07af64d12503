"""The command line as a process of its own, for tests of signals and terminals.

``--local`` connects to the server that STAGE_ADDRESS names instead of starting one.
"""

import os

from starter.cli.app import build_app
from tests.unit.cli_stage import connected

if __name__ == "__main__":
    build_app(lambda _dir: connected(os.environ["STAGE_ADDRESS"]))()
