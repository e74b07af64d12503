"""Dockerfiles: what they say, and system packages put where they belong."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.manifests import dockerfile
from activities.manifests.errors import ManifestError
from activities.manifests.installers import PipInstall

GOLDEN = Path(__file__).parent.parent / "golden" / "manifests" / "dockerfile"
CASES = sorted(path.stem for path in GOLDEN.glob("*.before"))


def golden(name: str) -> str:
    """A golden text with its line ends as they are on disk."""
    return (GOLDEN / name).read_bytes().decode()


@pytest.mark.parametrize("case", CASES)
def test_system_packages_go_where_the_golden_file_says(case: str) -> None:
    """The style of the file is followed and no line but the new ones moves."""
    result = dockerfile.add_system_packages(golden(f"{case}.before"), ["libgl1", "libglib2.0-0"])
    assert result == golden(f"{case}.after")
    assert dockerfile.add_system_packages(result, ["libgl1"]) == result


def test_there_are_golden_cases() -> None:
    """An empty directory would make the test above pass for nothing."""
    assert len(CASES) >= 12


def test_a_builder_stage_can_be_named() -> None:
    """A build that fails in the builder gets its package there."""
    text = golden("builder_and_runtime.before")
    result = dockerfile.add_system_packages(text, ["libpq-dev"], stage="builder")
    assert result == text.replace("install -y gcc", "install -y gcc libpq-dev")


@pytest.mark.parametrize(
    ("text", "packages", "reason"),
    [
        ("FROM scratch\nCOPY a /a\n", ["curl"], "not known"),
        ("# nothing\n", ["curl"], "no FROM"),
        ("FROM debian\n", ["curl; rm -rf /"], "not a valid system package"),
        ("FROM debian\n", ["-y"], "not a valid system package"),
    ],
)
def test_unsafe_additions_are_refused(text: str, packages: list[str], reason: str) -> None:
    """No package manager, no stage, no valid name: no edit."""
    with pytest.raises(ManifestError, match=reason):
        dockerfile.add_system_packages(text, packages)


def test_an_unknown_stage_is_refused() -> None:
    """Naming a stage that is not there is an error, not the last stage."""
    with pytest.raises(ManifestError, match="no stage 'x'"):
        dockerfile.add_system_packages("FROM debian\n", ["curl"], stage="x")


@pytest.mark.parametrize(
    ("text", "after"),
    [
        (
            "FROM python\nRUN pip install flask==3 redis\n",
            "FROM python\nRUN pip install flask==3 openpyxl redis\n",
        ),
        (
            "FROM python\nRUN pip install --no-cache-dir \\\n      'uvicorn[standard]' \\\n      fastapi\n",
            "FROM python\nRUN pip install --no-cache-dir \\\n      'uvicorn[standard]' \\\n      fastapi \\\n"
            "      openpyxl\n",
        ),
    ],
)
def test_a_bare_pip_install_takes_a_package(text: str, after: str) -> None:
    """The Dockerfile is the manifest where it names the packages itself."""
    assert dockerfile.add_pip_packages(text, ["openpyxl"]) == after


def test_a_specifier_is_quoted_for_the_shell() -> None:
    """`<` unquoted would be a redirection."""
    text = "FROM python\nRUN pip install flask\n"
    assert dockerfile.add_pip_packages(text, ["setuptools<82"]).endswith("install flask 'setuptools<82'\n")
    assert dockerfile.add_pip_packages(text, ["redis==5.0"]).endswith("install flask redis==5.0\n")
    assert dockerfile.add_pip_packages(text, ["Flask<4"]) == text


@pytest.mark.parametrize(
    "run",
    ["pip install -r requirements.txt", "pip install -U pip setuptools wheel", '["pip", "install", "flask"]'],
)
def test_other_pip_installs_take_no_package(run: str) -> None:
    """A requirements file, an upgrade of pip itself, an exec form: not a list to extend."""
    with pytest.raises(ManifestError):
        dockerfile.add_pip_packages(f"FROM python\nRUN {run}\n", ["openpyxl"])


FULL = """\
# syntax=docker/dockerfile:1
ARG BASE=python:3.13-slim
FROM ${BASE} AS deps
ENV HOME=/srv APP="/srv/app"
WORKDIR $HOME
WORKDIR app
COPY requirements/base.txt requirements/prod.txt reqs/
RUN --mount=type=cache,target=/root/.cache --mount=type=bind,source=pyproject.toml,target=pyproject.toml \\
    # the dependencies
    PIP_NO_CACHE_DIR=1 python3 -m pip install --no-cache-dir \\
    -rreqs/prod.txt -c c.txt 'gunicorn>=22' .[web] && true
FROM node AS unused
RUN apt-get update; apt-get install -y nodejs
FROM deps
USER app:app
RUN uv pip install --system --require-hashes -r extra.txt
RUN ["poetry", "install"]
"""


def test_facts_are_read() -> None:
    """Stages, variables, directories, users, copies, mounts, every spelling of pip."""
    facts = dockerfile.parse(FULL)
    assert (facts.base_image, facts.workdir, facts.user) == ("python:3.13-slim", "/srv/app", "app")
    assert [(c.sources, c.destination) for c in facts.copies] == [
        (("requirements/base.txt", "requirements/prod.txt"), "/srv/app/reqs/"),
        (("pyproject.toml",), "/srv/app/pyproject.toml"),
    ]
    first, second = [site.what for site in facts.pip_installs() if isinstance(site.what, PipInstall)]
    assert (first.requirements, first.constraints, first.projects) == (
        ("reqs/prod.txt",),
        ("c.txt",),
        (".[web]",),
    )
    assert [word.text for word in first.packages] == ["gunicorn>=22"]
    assert second.require_hashes
    assert facts.locked_tools() == ["poetry"]
    assert facts.reachable() == {0, 2}


def test_the_built_stage_can_be_named() -> None:
    """Compose's `build.target` decides what the final stage is."""
    facts = dockerfile.parse(FULL, "unused")
    assert facts.base_image == "node"
    assert facts.pip_installs() == []


@pytest.mark.parametrize(
    ("image", "manager"),
    [
        ("python:3.13-slim", "apt"),
        ("docker.io/library/node:22-bookworm@sha256:aa", "apt"),
        ("registry.invalid:5000/team/base:1", None),
        ("ghcr.invalid/astral/uv:python3.13-alpine", "apk"),
        ("gcr.invalid/distroless/python3-debian12", None),
        ("scratch", None),
    ],
)
def test_the_package_manager_is_known_or_not_claimed(image: str, manager: str | None) -> None:
    """By the image's name; None where the name says nothing."""
    facts = dockerfile.parse(f"FROM {image}\n")
    assert dockerfile.package_manager(facts, 0) == manager


WORDS = st.sampled_from(
    [
        "apt-get update",
        "apt-get install -y a b",
        "apt-get install -y \\\n   # why\n   b \\\n\n   a",
        "pip install -r r.txt",
        "echo 'a b",
        'echo "x && y"',
        "true",
        "cat <<EOF",
        "if a; then b; fi",
        "(cd x; make)",
        "echo $(date)",
    ]
)
INSTRUCTIONS = st.one_of(
    st.lists(WORDS, min_size=1, max_size=4).map(lambda parts: "RUN " + " \\\n && ".join(parts)),
    st.sampled_from(
        [
            "FROM python:3",
            "FROM debian AS b",
            "FROM b",
            "USER app",
            "USER root",
            "WORKDIR x",
            "# comment",
            "",
            "ENV A=1 B=$A",
            "COPY . .",
            "CMD x",
            "RUN <<E\napt-get install -y q\nE",
            "EOF",
            "\\",
            "ARG X",
            "RUN",
            "FROM",
        ]
    ),
)


@settings(deadline=None)  # the machine is shared
@given(st.lists(INSTRUCTIONS, max_size=12), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_any_dockerfile_gets_the_package_or_a_refusal(parts: list[str], end: str, last: bool) -> None:
    """Old lines stay in order, the package is installed afterwards, a second time changes nothing."""
    text = "\n".join(["FROM python:3.13-slim", *parts]).replace("\n", end) + (end if last else "")
    try:
        result = dockerfile.add_system_packages(text, ["libgl1"])
    except ManifestError:
        return
    facts = dockerfile.parse(result)
    assert "libgl1" in facts.system_packages(facts.target)
    assert dockerfile.add_system_packages(result, ["libgl1"]) == result
    kept = iter(result)
    assert all(char in kept for char in text)


@settings(deadline=None)  # the machine is shared
@given(st.text(max_size=300))
def test_any_text_is_parsed(text: str) -> None:
    """Reading never raises, and an edit raises nothing but ManifestError."""
    dockerfile.parse(text)
    try:
        dockerfile.add_system_packages(text, ["libgl1"])
    except ManifestError:
        return
