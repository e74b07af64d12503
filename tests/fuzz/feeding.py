"""One target, fed for a while: in a process of its own, with bounded memory, every input watched."""

from __future__ import annotations

import hashlib
import multiprocessing
import random
import resource
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path

from tests.fuzz.mutation import mutations
from tests.fuzz.results import Fed
from tests.fuzz.targets import Target, targets

HANG_SECONDS = 5
_MEMORY_BYTES = 3 * 2**30
_AT_MOST_KEPT = 20


class Hang(BaseException):
    """An input took too long; no target may catch it as an answer."""


def feed(target: Target, seed: int, seconds: float, broken: Path, most: int | None = None) -> Fed:
    """Mutations until the time is over, or so many were read."""
    signal.signal(signal.SIGVTALRM, _ring)
    began, inputs, slowest, hangs = time.monotonic(), 0, 0.0, 0
    crashes: dict[str, bytes] = {}
    for data in mutations(target.seeds, random.Random(f"{target.name}/{seed}")):  # noqa: S311 - chance only
        if inputs == most or time.monotonic() - began > seconds:
            break
        inputs += 1
        at = time.perf_counter()
        try:
            watched(target, data)
        except Hang:
            hangs += 1
            _keep(broken, target, data)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
            told = f"{type(error).__name__}: {error}".replace("\n", " ")[:100]
            if len(crashes) < _AT_MOST_KEPT and crashes.setdefault(told, data) is data:
                _keep(broken, target, data)
        slowest = max(slowest, time.perf_counter() - at)
    return Fed(
        inputs=inputs,
        seconds=time.monotonic() - began,
        slowest_seconds=slowest,
        crashes=tuple(crashes),
        hangs=hangs,
    )


def watched(target: Target, data: bytes) -> None:
    """Feed one input.

    Raises:
        Hang: it took more than ``HANG_SECONDS`` of processor time.
        Exception: it was no answer.
    """
    signal.setitimer(signal.ITIMER_VIRTUAL, HANG_SECONDS)
    try:
        target.read(data)
    except target.answers:
        pass
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def feed_apart(name: str, seed: int, seconds: float, broken: Path) -> Fed:
    """The same in a new process; one that dies is a crash itself."""
    mine, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.Process(target=_apart, args=(theirs, name, seed, seconds, broken))
    process.start()
    theirs.close()
    try:
        fed = mine.recv() if mine.poll(seconds + 60) else None
    except EOFError:
        fed = None
    if fed is None and process.is_alive():
        process.kill()
    process.join()
    return fed if isinstance(fed, Fed) else Fed(crashes=(f"the process ended with {process.exitcode}",))


def _apart(out: Connection, name: str, seed: int, seconds: float, broken: Path) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    target = next(one for one in targets() if one.name == name)
    out.send(feed(target, seed, seconds, broken))


def _ring(_number: int, _frame: object) -> None:
    raise Hang


def _keep(broken: Path, target: Target, data: bytes) -> None:
    place = broken / target.name.replace(" ", "-")
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{hashlib.sha256(data).hexdigest()[:16]}.bin").write_bytes(data)
