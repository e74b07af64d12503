"""``python -m tests.reliability``: RELIABILITY.md anew from the figures; ``--check`` only compares."""

from __future__ import annotations

import argparse
import sys

from tests.reliability.page import PAGE, render, write


def main() -> int:
    """Exit code 1 where ``--check`` finds another page."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where the page is not this")
    if not parser.parse_args().check:
        write()
        return 0
    same = PAGE.exists() and PAGE.read_text(encoding="utf-8") == render()
    sys.stdout.write(f"{PAGE.name} {'is' if same else 'is NOT'} what the figures say\n")
    return int(not same)


if __name__ == "__main__":
    sys.exit(main())
