"""How long a large service takes, and how much memory, beside a program that only reads the same bytes."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.repair.big_service import FILES, lay_out

COMMAND = str(Path(sys.executable).parent / "mm-orchestrator")
_READ = """
import pathlib, sys
context, log = map(pathlib.Path, sys.argv[1:])
count = 0
with log.open("rb") as file:
    while data := file.read(1 << 20):
        count += data.decode("utf-8", "replace").count("\\n")
for path in context.rglob("*.py"):
    count += len(path.read_text())
print(count)
"""
_PARSE = """
import ast, pathlib, sys
for path in pathlib.Path(sys.argv[1]).rglob("*.py"):
    ast.parse(path.read_text())
"""
_KEEPER = """
import json, os, subprocess, sys, time
begun = time.monotonic()
_, status, usage = os.wait4(subprocess.Popen(sys.argv[1:]).pid, 0)
spent = {"wall": time.monotonic() - begun, "cpu": usage.ru_utime + usage.ru_stime, "peak": usage.ru_maxrss}
print(json.dumps({"exit_code": os.waitstatus_to_exitcode(status), **spent}), file=sys.stderr)
"""


@dataclass(frozen=True)
class Spent:
    """What one process took to its end."""

    output: str
    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    """The largest resident set."""


def spend(arguments: Sequence[str]) -> Spent:
    """Run a program and measure it alone.

    A small process starts it: Linux counts the peak of whoever started a program as the program's own.
    """
    with tempfile.TemporaryFile("w+") as kept:
        keeper = [sys.executable, "-I", "-S", "-c", _KEEPER, *arguments]
        process = subprocess.run(keeper, check=False, stdout=kept, stderr=subprocess.PIPE, text=True)
        kept.seek(0)
        output = kept.read()
    *said, measured = process.stderr.splitlines()
    spent = json.loads(measured)
    assert spent.pop("exit_code") == 0, f"{arguments} failed: {output[-2000:]} {said[-20:]}"
    unit = 1 if sys.platform == "darwin" else 1024
    return Spent(output, spent["wall"], spent["cpu"], spent["peak"] * unit)


def diagnose(log: Path, context: Path) -> Spent:
    """The command as an operator types it, interpreter start included."""
    return spend([COMMAND, "diagnose", "--log", str(log), "--context", str(context), "--json"])


def only_read(log: Path, context: Path) -> Spent:
    """A program that reads all bytes once and counts."""
    return spend([sys.executable, "-c", _READ, str(context), str(log)])


def only_parse(context: Path) -> Spent:
    """A program that parses every source file once, as the obvious way of looking for imports would."""
    return spend([sys.executable, "-c", _PARSE, str(context)])


def report(say: Callable[[str], None]) -> None:
    """Print what it takes, with both baselines of the same minute."""
    with tempfile.TemporaryDirectory(prefix="mm-bench-") as made:
        context, log = lay_out(Path(made))
        empty = Path(made) / "empty.log"
        empty.write_bytes(b"")
        size = log.stat().st_size / 1024**2
        say(f"== Speed: {FILES} source files, {size:.0f} MB of log\n")
        rows = [
            ("diagnose", diagnose(log, context)),
            ("diagnose an empty log", diagnose(empty, context)),
            ("only read all bytes", only_read(log, context)),
            ("only parse all sources", only_parse(context)),
        ]
    say(f"{'':<24} {'wall':>8} {'processor':>10} {'peak memory':>12}")
    for name, spent in rows:
        memory = spent.peak_bytes / 1024**2
        say(f"{name:<24} {spent.wall_seconds:>6.2f} s {spent.cpu_seconds:>8.2f} s {memory:>9.0f} MB")
    say("")
