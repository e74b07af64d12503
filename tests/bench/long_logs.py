"""Build logs of any length, as BuildKit prints them: an ordinary one, and one of nothing but complaints."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

from tests.repair.cases import OWN, Case

MIB = 1024 * 1024
CANARY = "c4n4ry-of-a-long-log"
_LINES_AT_ONCE = 2000
_CANARY_LINE = f"password \x1b[31m{CANARY[:7]}\x1b[0m{CANARY[7:]} is in the middle"
_ORDINARY = (
    "Get:{n} http://mirror.example/debian trixie/main amd64 libpatch-part{n} amd64 2.{n}-1+b1 [117 kB]",
    "Selecting previously unselected package libpart{n}:amd64.",
    "Preparing to unpack .../{n}-libpart{n}_2.{n}-1+b1_amd64.deb ...",
    "Unpacking libpart{n}:amd64 (2.{n}-1+b1) ...",
    "Setting up libpart{n}:amd64 (2.{n}-1+b1) ...",
    "Collecting part{n}<3,>=2.{n} (from parts==1.0->-r requirements.txt (line {n}))",
    "  Downloading part{n}-2.{n}-py3-none-any.whl.metadata (4.{n} kB)",
    "Requirement already satisfied: part{n} in /usr/local/lib/python3.13/site-packages (2.{n})",
    "Downloading part{n}-2.{n}-cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64.whl (1.{n} MB)",
    "   ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 1.2/1.2 MB 23.{n} MB/s eta 0:00:00",
    "gcc -pthread -Wall -DNDEBUG -O3 -fPIC -I/usr/local/include/python3.13 -c part{n}.c -o part{n}.o",
    "creating build/temp.linux-x86_64-cpython-313/part{n}",
    "added {n} packages, and audited {n} packages in 9s",
    "npm warn deprecated part{n}@2.{n}: This module is not supported any more; use parts-{n} in its place",
    "  [{n}/9000] Building CXX object part{n}/CMakeFiles/part{n}.dir/main.cpp.o",
    "part{n}: checked the signature with the keyring of the archive, path /usr/share/keyrings/part{n}.gpg",
)


def write_ordinary(path: Path, size_bytes: int) -> None:
    """About this much of what apt, pip, npm and a compiler print, with a coloured secret now and then."""
    _write(path, size_bytes, (line.replace("{n}", str(n)) for n in count() for line in _ORDINARY))


def write_complaining(path: Path, size_bytes: int) -> None:
    """About this much of the failures in the diagnosis corpus, one after the other."""
    cases = [Case.model_validate_json(one.read_text()) for one in sorted(OWN.rglob("*.json"))]
    lines = [line for case in cases for line in case.log.splitlines()]
    _write(path, size_bytes, (line for _ in count() for line in lines))


def _write(path: Path, size_bytes: int, lines: Iterator[str]) -> None:
    with path.open("wb") as log:
        for first in count(step=_LINES_AT_ONCE):
            if log.tell() >= size_bytes:
                return
            block = [f"#7 {(first + n) / 100:.3f} {next(lines)}" for n in range(_LINES_AT_ONCE)]
            log.write("\n".join([*block, f"#7 {first / 100:.3f} {_CANARY_LINE}", ""]).encode())
