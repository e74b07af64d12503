"""Build output to artifact beside ``cat`` to the same disk, and what a long log costs in memory.

The command is ``cat`` of a log that is in the page cache, so that nothing but our own path is measured: pipe,
masking, follower of the progress, spool with checksum, ``fsync``, artifact store.
"""

from __future__ import annotations

import cProfile
import pstats
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path

from activities.adapters.build_output import BuildOutput
from activities.adapters.redaction import Redactor
from tests.bench.figures import Compared, Figure, Samples
from tests.bench.log_worker import KNOWN, Stored
from tests.bench.long_logs import CANARY, MIB, write_complaining, write_ordinary

_ROOT = Path(__file__).parents[2]
_GOAL_RATIO = 0.5
_GOAL_MIB = 16.0
_TRIAL_SECONDS = 600
_PIECE = 64 * 1024
_PROFILED_LINES = 6
_PROFILED_PIECES = 256
_CAT = 'cat "$1" >"$2" && sync -d "$2"'
_CAT_WITH_CHECKSUM = 'cat "$1" | tee "$2" | sha256sum && sync -d "$2"'


async def log_path(trials: int, mib: int, speed_mib: int = 64) -> tuple[Figure, ...]:
    """Both kinds of log at one length, then the memory of a short one and of one of ``mib`` MiB."""
    with tempfile.TemporaryDirectory(prefix="mm-bench-") as made:
        scratch = Path(made)
        ordinary, complaining = scratch / "ordinary.log", scratch / "complaining.log"
        short, long = scratch / "short.log", scratch / "long.log"
        write_ordinary(ordinary, speed_mib * MIB)
        write_complaining(complaining, speed_mib * MIB)
        speeds = [
            _speed("build log to artifact", ordinary, trials, _spent(ordinary)),
            _speed("log of error messages to artifact", complaining, trials, _spent(complaining)),
        ]
        write_ordinary(short, MIB)
        write_ordinary(long, mib * MIB)
        grown = {log: [_stored(log).grown_bytes / MIB for _ in range(trials)] for log in (short, long)}
    memory = Figure(
        name=f"memory of a log of {mib} MiB", unit="MiB", compared=Compared.DIFFERENCE, goal=_GOAL_MIB,
        ours=Samples(what=f"{mib} MiB", values=tuple(grown[long])),
        baselines=(Samples(what="1 MiB", values=tuple(grown[short])),),
        note="What the process grew by at most; `make log-gigabyte` takes the same path with a real build.",
    )  # fmt: skip
    return (*speeds, memory)


def _speed(name: str, log: Path, trials: int, spent: str) -> Figure:
    ours: list[float] = []
    cats: dict[str, list[float]] = {_CAT: [], _CAT_WITH_CHECKSUM: []}
    size = log.stat().st_size / 1e6
    for _ in range(trials):
        for script, speeds in cats.items():
            speeds.append(size / _by_hand(script, log))
        ours.append(size / _stored(log).seconds)
    return Figure(
        name=name, unit="MB/s", compared=Compared.RATIO, goal=_GOAL_RATIO, at_least=True,
        ours=Samples(what="masked, followed, checksum, fsync", values=tuple(ours)),
        baselines=(
            Samples(what="cat, fsync", values=tuple(cats[_CAT])),
            Samples(what="cat, sha256sum, fsync", values=tuple(cats[_CAT_WITH_CHECKSUM])),
        ),
        note=spent,
    )  # fmt: skip


def _by_hand(script: str, log: Path) -> float:
    to = log.with_suffix(".copy")
    began = time.monotonic()
    subprocess.run(
        ["sh", "-c", script, "sh", str(log), str(to)], check=True, capture_output=True, timeout=_TRIAL_SECONDS
    )
    seconds = time.monotonic() - began
    to.unlink()
    return seconds


def _stored(log: Path) -> Stored:
    """One log on its way, in a process of its own; the artifact is looked at and taken away again."""
    with tempfile.TemporaryDirectory(dir=log.parent) as state:
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.log_worker", str(log), state],
            cwd=_ROOT, capture_output=True, text=True, timeout=_TRIAL_SECONDS, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        stored = Stored.model_validate_json(done.stdout)
        check(stored, log)
    return stored


def check(stored: Stored, log: Path) -> None:
    """Every line is there, and the secret nowhere.

    Raises:
        AssertionError: a figure of a broken path means nothing.
    """
    lines, kept = 0, 0
    with stored.path.open("rb") as artifact:
        for line in artifact:
            kept += 1
            assert CANARY[:7].encode() not in line, "the secret is in the artifact"
    with log.open("rb") as printed:
        lines = sum(1 for _ in printed)
    assert kept == lines, f"{kept} of {lines} lines"
    assert stored.path.stat().st_size == stored.size_bytes, "the size that was told is another one"


def _spent(log: Path) -> str:
    """Where the processor time of one pass goes, by part, and by function."""
    pieces = _pieces(log)
    redactor, output = Redactor(KNOWN).stream(), BuildOutput()
    profile = cProfile.Profile()
    masked: list[bytes] = []
    mask = _timed(lambda: masked.extend(map(redactor.feed, pieces)))
    follow = _timed(lambda: output.feed(b"".join(masked)))
    profile.runcall(lambda: list(map(Redactor(KNOWN).stream().feed, pieces)))
    size = sum(map(len, pieces)) / 1e6
    return (
        f"Processor time alone: masking {size / mask:.0f} MB/s, following the progress {size / follow:.0f} "
        f"MB/s. Of masking: {_hot(profile)}."
    )


def _pieces(log: Path) -> list[bytes]:
    with log.open("rb") as printed:
        return list(islice(iter(partial(printed.read, _PIECE), b""), _PROFILED_PIECES))


def _timed(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _hot(profile: cProfile.Profile) -> str:
    told = pstats.Stats(profile).get_stats_profile().func_profiles
    total = sum(one.tottime for one in told.values())
    hot = sorted(told.items(), key=lambda one: -one[1].tottime)[:_PROFILED_LINES]
    return ", ".join(f"{name.strip('<>{}')} {one.tottime / total:.0%}" for name, one in hot)
