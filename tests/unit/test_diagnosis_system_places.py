"""Where a need belongs: its step, its stage, its script, its build context."""

from pathlib import Path

import pytest

from activities.diagnosis.evidence import Phase
from tests.unit.system_asking import BUILDER, NO_FILE, SLIM, UBUNTU, ask


def test_needs_of_one_step_come_together(tmp_path: Path) -> None:
    """What the same RUN calls next is missing as well on a bare image, and the certificates with it."""
    run = "wget -q -O - https://a.example/key | apt-key add - && apt-get update"
    log = f"Step 2/2 : RUN {run}\n/bin/sh: 1: wget: not found\n"
    result = ask(tmp_path, log, f"FROM debian:bookworm\nRUN {run}\n")
    assert result.findings[0].names == ("wget", "gnupg", "ca-certificates")


def test_a_header_on_a_bare_image_brings_its_compiler(tmp_path: Path) -> None:
    """Where none is installed, the compiler would be the next thing missing."""
    log = "Package libudev was not found in the pkg-config search path."
    bare = ask(tmp_path, log, "FROM rust:1-slim\nRUN cargo build\n")
    assert bare.findings[0].names == ("build-essential", "libudev-dev", "pkg-config")
    full = ask(tmp_path, log, "FROM rust:1\nRUN cargo build\n")
    assert full.findings[0].names == ("libudev-dev", "pkg-config")


def test_a_distribution_that_is_built_gets_all_it_needs(tmp_path: Path) -> None:
    """One header is missing; the table knows which one would be next."""
    log = f"  Building wheel for python-ldap (pyproject.toml)\nm.c:1:10: fatal error: lber.h: {NO_FILE}"
    result = ask(tmp_path, log, SLIM)
    assert {"libldap2-dev", "libsasl2-dev"} <= set(result.findings[0].names)


def test_a_builder_gets_what_the_builder_lacks(tmp_path: Path) -> None:
    """The failing RUN is found in its stage: that stage's manager, that stage's install."""
    log = "#9 [build 2/2] RUN go build -o /a .\n#9 0.2 /bin/sh: 1: protoc: not found\n#9 ERROR: process\n"
    (finding,) = ask(tmp_path, log, BUILDER).findings
    assert (finding.names, finding.stage) == (("protobuf-compiler",), "0")


@pytest.mark.parametrize(
    ("script", "kind", "rule"),
    [
        ("#!/bin/bash\necho\n", "add_system_package", "system.interpreter"),
        ("#!/usr/bin/env python3\nx\n", "add_system_package", "system.interpreter"),
        ("#!/bin/bash\r\necho\r\n", "decline", "decline.line_ends"),
        ("#!/bin/sh\necho\n", "decline", "decline.missing_file"),
    ],
)
def test_a_script_that_does_not_start_is_read(tmp_path: Path, script: str, kind: str, rule: str) -> None:
    """Its interpreter is missing, or its line ends are Windows'."""
    dockerfile = 'FROM alpine\nCOPY run.sh /run.sh\nENTRYPOINT ["/run.sh"]\n'
    result = ask(
        tmp_path, "exec /run.sh: no such file or directory", dockerfile, Phase.RUN, {"run.sh": script}
    )
    assert (result.findings[0].kind, result.findings[0].rule) == (kind, rule)


def test_a_projects_own_header_is_not_a_package(tmp_path: Path) -> None:
    """The build context has it, so the include path is wrong."""
    result = ask(tmp_path, f"a.c:1:10: fatal error: zlib.h: {NO_FILE}", UBUNTU, others={"zlib.h": "\n"})
    assert result.findings[0].rule in ("decline.own_header", "build.zlib-header")


def test_setuptools_of_the_distributions_python_is_a_system_package(tmp_path: Path) -> None:
    """Where pip installs nothing, Python's parts come from the distribution."""
    log = (
        'Traceback (most recent call last):\n  File "setup.py", line 1, in <module>\n'
        "    from setuptools import setup\n"
        "ModuleNotFoundError: No module named 'setuptools'\n"
    )
    dockerfile = "FROM alpine\nRUN apk add python3\nCOPY . .\nRUN python3 setup.py install\n"
    (finding,) = ask(tmp_path, log, dockerfile).findings
    assert (finding.kind, finding.names) == ("add_system_package", ("py3-setuptools",))


def test_a_copy_that_fails_says_what_is_there(tmp_path: Path) -> None:
    """Left out by .dockerignore, or spelt otherwise."""
    log = 'failed to compute cache key: "/Requirements.txt": not found'
    result = ask(tmp_path, log, "FROM a\nCOPY Requirements.txt .\n", others={"requirements.txt": "x\n"})
    assert "spelt otherwise" in result.reason
    ignored = ask(tmp_path, log.replace("R", "r"), "FROM a\n", others={".dockerignore": "*.txt\n"})
    assert ".dockerignore" in ignored.reason
