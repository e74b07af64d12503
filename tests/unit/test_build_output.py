"""Where a build stands and why it failed, read from BuildKit's plain progress."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.adapters.build_output import BuildOutput

PIP = """#0 building with "default" instance using docker driver

#1 [internal] load build definition from Dockerfile
#1 transferring dockerfile: 265B done
#1 DONE 0.0s

#5 [1/3] FROM docker.io/library/python:3.13-slim
#5 CACHED

#6 [2/3] COPY requirements.txt .
#6 DONE 0.0s

#7 [3/3] RUN pip install -r requirements.txt
#7 0.512 Collecting flask==99.0 (from -r requirements.txt (line 1))
#7 0.733 ERROR: Could not find a version that satisfies the requirement flask==99.0 (from versions: 3.0.0)
#7 0.733 ERROR: No matching distribution found for flask==99.0
#7 0.800
#7 0.801 [notice] A new release of pip is available: 24.0 -> 25.0
#7 ERROR: process "/bin/sh -c pip install -r requirements.txt" did not complete successfully: exit code: 1
------
 > [3/3] RUN pip install -r requirements.txt:
0.733 ERROR: No matching distribution found for flask==99.0
------
Dockerfile:3
--------------------
   3 | >>> RUN pip install -r requirements.txt
--------------------
target api: failed to solve: process "/bin/sh -c pip install -r requirements.txt" failed: exit code: 1
"""

TWO_STAGES = """#7 [web 2/2] RUN npm ci
#8 [api 2/2] RUN pip install x
#7 1.000 npm error code ENOENT, but it goes on
#8 1.100 error: subprocess-exited-with-error
#8 1.100   fatal error: Python.h: No such file or directory
#8 1.101 note: This error originates from a subprocess, and is likely not a problem with pip.
#7 1.200 npm error later one
#8 ERROR: process "/bin/sh -c pip install x" did not complete successfully: exit code: 1
failed to solve: process "/bin/sh -c pip install x" did not complete successfully: exit code: 1
"""

MISSING_FILE = """#4 [2/3] COPY missing.txt .
#4 ERROR: failed to calculate checksum of ref abc: "/missing.txt": not found
------
 > [2/3] COPY missing.txt .:
------
failed to solve: failed to compute cache key: "/missing.txt": not found
"""


def read(text: str) -> BuildOutput:
    """All of a log at once."""
    output = BuildOutput()
    output.feed(text.encode())
    output.finish()
    return output


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (PIP, "ERROR: No matching distribution found for flask==99.0"),
        (TWO_STAGES, "fatal error: Python.h: No such file or directory"),
        (MISSING_FILE, 'failed to calculate checksum of ref abc: "/missing.txt": not found'),
        ("unable to prepare context: no such path\n", "unable to prepare context: no such path"),
        ("", "no output"),
    ],
)  # fmt: skip
def test_the_error_is_the_tools_own_last_word(text: str, error: str):
    """Of the step that failed, not of one beside it; not the footnotes of pip; BuildKit's where none."""
    assert read(text).error == error


def test_the_step_is_followed():
    """Heartbeats carry the step that printed last."""
    output = BuildOutput()
    assert output.step == "starting"
    output.feed(TWO_STAGES.split("#7 1.000", maxsplit=1)[0].encode())
    assert output.step == "[api 2/2] RUN pip install x"
    output.feed(b"#7 2.000 added 3 packages\n")
    assert output.step == "[web 2/2] RUN npm ci"


def test_a_clipped_log_is_noticed():
    """COMPOSE fact 8."""
    assert not read(PIP).clipped
    assert read("#7 1.0 [output clipped, log limit 200KiB/s reached]\n").clipped


@given(st.lists(st.integers(0, len(PIP)), max_size=10))
def test_pieces_make_no_difference(cuts: list[int]):
    """Output arrives cut anywhere."""
    output, data, places = BuildOutput(), PIP.encode(), sorted(cuts)
    for start, end in zip([0, *places], [*places, len(data)], strict=True):
        output.feed(data[start:end])
    output.finish()
    assert (output.error, output.step) == (read(PIP).error, read(PIP).step)


def test_the_heartbeat_says_step_time_and_size_of_the_log() -> None:
    """An operator sees in the Web UI's pending activities whether a build still moves."""
    output = BuildOutput()
    output.feed(b"#5 [2/4] RUN pip install -r requirements.txt\n" + b"#5 1.5 x" * 200)
    assert re.fullmatch(
        r"build: \[2/4\] RUN pip install -r requirements.txt, after 0\.\d s, 1\.6 KiB of log", output.standing
    )
