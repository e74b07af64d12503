"""Carries a spooled file to the store: exactly once, whoever else tries at the same time (I6)."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from activities.adapters.depot import Depot, Evidence
from activities.adapters.spool import Spool

Answer = TypeVar("Answer")


def carry(
    spool: Spool, depot: Depot, evidence: Evidence, path: Path, inode: int | None, *, patient: bool = False
) -> bool:
    """Keep the file in the store and drop it from the spool; False where somebody else has it, or had it.

    A crash in between leaves it in both: the next one finds the checksum in the store and only drops it.

    Raises:
        OSError: the store does not take it; it stays in the spool.
    """
    with spool.taken(path, inode) as fd:
        if fd is None:
            return False
        with os.fdopen(os.dup(fd), "rb") as source:
            depot.keep(evidence, source, patient=patient)
        spool.drop(path, fd)
        return True


def in_background(ask: Callable[[], Answer]) -> "Future[Answer]":
    """Run it in a daemon thread of its own: a store that hangs keeps no other thread and no exit waiting."""
    future: Future[Answer] = Future()

    def run() -> None:
        try:
            future.set_result(ask())
        except BaseException as error:  # noqa: BLE001 - whoever waits decides
            future.set_exception(error)

    threading.Thread(target=run, name="evidence", daemon=True).start()
    return future
