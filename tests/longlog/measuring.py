"""Builds with a log of a given length: what the process took, and whether its artifact is right."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlparse

from tests.sandbox import unique_project_name, write_files

MIB = 1024 * 1024
NO_LIMITS = {"BUILDKIT_STEP_LOG_MAX_SIZE": "-1", "BUILDKIT_STEP_LOG_MAX_SPEED": "-1"}
"""Of BuildKit, in the environment of the daemon: by itself it clips a step's log after 2 MiB."""
CANARY = "c4n4ry-of-a-long-log"
_ROOT = Path(__file__).resolve().parents[2]
_BUILD_SECONDS = 1800

_COMPOSE = f"""
services:
  api:
    build: .
    environment: {{DB_PASSWORD: {CANARY}}}
"""
_DOCKERFILE = """
FROM python:3.13-slim
COPY printing.py ./
RUN python3 printing.py {lines} {run}
"""
_PRINTING = """
import sys, time
lines, mib_per_second, canary = int(sys.argv[1]), {mib_per_second}, bytes.fromhex("{canary}").decode()
began, printed = time.monotonic(), 0
for first in range(0, lines, 1000):
    text = "".join(f"line {{n:09d}} {{'collecting the parts of package number ' * 9}}{{n}}\\n"
                   for n in range(first, min(first + 1000, lines)))
    text += f"password \\x1b[31m{{canary[:7]}}\\x1b[0m{{canary[7:]}} is in the middle\\n"
    sys.stdout.write(text)
    sys.stdout.flush()
    printed += len(text)
    time.sleep(max(0, began + printed / 2**20 / mib_per_second - time.monotonic()))
print("the very last line", flush=True)
"""
_LINE_BYTES = 376
MIB_PER_SECOND = 8.0
"""BuildKit's own command shows some 25 MiB each second, and gives up on a build that is ahead of it: a limit
of BuildKit's that would be met with ``cat`` in our place too."""


@dataclass(frozen=True)
class Measured:
    """One build."""

    grown_bytes: int
    """Peak of resident memory less what was resident before the build began."""
    seconds: float
    size_bytes: int
    complete: bool
    """Every line is in the artifact, in order, whose checksum and size are those that were told."""
    leaked: bool
    """Whether the canary is in the artifact."""
    warnings: tuple[str, ...]
    cat_seconds: float
    """What ``cat`` of the artifact takes: how fast this host can be at all."""


def measure(size_bytes: int, endpoint: str, scratch: Path) -> Measured:
    """Build once with about this much output, in a process of its own, and take everything away again.

    Args:
        size_bytes: of the output.
        endpoint: for ``DOCKER_HOST``.
        scratch: an existing directory with room for three times the output.
    """
    name, lines = unique_project_name(), size_bytes // _LINE_BYTES
    directory, state = scratch / name, scratch / f"{name}-state"
    env = {key: value for key, value in os.environ.items() if not key.startswith(("COMPOSE_", "DOCKER_"))}
    env |= {"DOCKER_HOST": endpoint, "PYTHONPATH": str(_ROOT)}
    write_files(
        directory,
        {
            "compose.yaml": _COMPOSE,
            "Dockerfile": _DOCKERFILE.format(lines=lines, run=name),
            "printing.py": _PRINTING.format(canary=CANARY.encode().hex(), mib_per_second=MIB_PER_SECOND),
        },
    )
    try:
        argv = [sys.executable, "-m", "tests.longlog.builder", name, str(directory), str(state)]
        done = subprocess.run(
            argv, env=env, capture_output=True, text=True, timeout=_BUILD_SECONDS, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return _judged(json.loads(done.stdout), lines)
    finally:
        down = ["docker", "compose", "--project-name", name, "down", "--rmi", "local", "-t", "1"]
        subprocess.run(down, cwd=directory, env=env, capture_output=True, check=False)
        shutil.rmtree(directory)
        shutil.rmtree(state, ignore_errors=True)


def _judged(told: dict[str, object], lines: int) -> Measured:
    path = Path(unquote(urlparse(str(told["uri"])).path))
    digest, size, expected, leaked, last = hashlib.sha256(), 0, 0, False, b""
    with path.open("rb") as log:
        for line in log:
            digest.update(line)
            size += len(line)
            leaked = leaked or CANARY[:7].encode() in line
            if (at := line.find(b"line ")) >= 0 and line[at + 5 : at + 14] == b"%09d" % expected:
                expected += 1
            last = line if b"the very last line" in line else last
    same = digest.hexdigest() == told["sha256"] and size == told["size_bytes"] and told["state"] == "stored"
    return Measured(
        grown_bytes=int(str(told["grown_bytes"])),
        seconds=float(str(told["seconds"])),
        size_bytes=size,
        complete=same and expected == lines and bool(last),
        leaked=leaked,
        warnings=tuple(map(str, told["warnings"] if isinstance(told["warnings"], list) else ())),
        cat_seconds=_cat_seconds(path),
    )


def _cat_seconds(path: Path) -> float:
    command = ["bash", "-c", 'TIMEFORMAT=%R; time cat "$1" | cat > /dev/null', "cat", str(path)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stderr.split()[-1])
