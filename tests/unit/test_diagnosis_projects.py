"""Diagnosis of whole projects: which file takes the fix, what the scan adds, and what is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from activities.diagnosis.diagnose import Decision, Diagnosis, diagnose, scan
from activities.diagnosis.evidence import ContainerFacts, Evidence, Phase, SourceText
from activities.manifests.edit_files import EditedFiles
from workflows.models.finding import FindingKind, FindingOrigin

DOCKERFILE = """\
FROM python:3.13-slim
WORKDIR /srv
COPY requirements.txt .
RUN pip install -r requirements.txt
COPY . .
CMD ["python", "-m", "app.main"]
"""


def missing(module: str, file: str = "/srv/app/main.py") -> str:
    """A container log that ends with a missing module."""
    return (
        "starting\nTraceback (most recent call last):\n"
        f'  File "{file}", line 1, in <module>\n    import {module}\n'
        f"ModuleNotFoundError: No module named '{module}'\n"
    )


def project(root: Path, files: dict[str, str]) -> Path:
    """A workspace whose service `api` is built from the directory `api`."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return root


def diagnosed(root: Path, log: str, phase: Phase = Phase.RUN) -> Diagnosis:
    """The diagnosis of service `api` of the workspace."""
    sources = (SourceText("log", log, phase),)
    return diagnose(Evidence("api", sources, workspace=root, context=root / "api"))


def shown(result: Diagnosis) -> list[tuple[str, tuple[str, ...], str | None, str]]:
    """Kind, names, target and origin of every finding."""
    return [(str(f.kind), f.names, f.target, str(f.origin)) for f in result.findings]


def test_several_missing_packages_are_found_at_once(tmp_path: Path) -> None:
    """One is proven by the log, the others by the code that the failing file reaches."""
    root = project(
        tmp_path,
        {
            "api/Dockerfile": DOCKERFILE,
            "api/requirements.txt": "flask\n",
            "api/app/__init__.py": "",
            "api/app/main.py": "import yaml\nimport flask, werkzeug\nfrom app import db\n",
            "api/app/db.py": "import os\nfrom .cache import get\nimport psycopg2.extras\n",
            "api/app/cache.py": "import redis\ntry:\n    import hiredis\nexcept ImportError:\n    pass\n",
            "api/app/unused.py": "import pandas\n",
            "api/tests/test_x.py": "import httpx\n",
        },
    )
    result = diagnosed(root, missing("yaml"))
    assert shown(result) == [
        ("add_python_package", ("PyYAML",), "api/requirements.txt", "evidence"),
        ("add_python_package", ("redis",), "api/requirements.txt", "scan"),
        ("add_python_package", ("psycopg2-binary",), "api/requirements.txt", "scan"),
    ]
    for finding in result.findings[1:]:
        (quote,) = finding.quotes
        assert (root / quote.source).read_text().split("\n")[quote.line - 1] == quote.text


def test_findings_can_be_applied_as_they_are(tmp_path: Path) -> None:
    """What the diagnosis proposes, the editors can do: the manifest then declares it all."""
    files = {
        "api/Dockerfile": DOCKERFILE,
        "api/requirements.txt": "flask",
        "api/app/main.py": "import yaml\nimport redis\n",
    }
    root = project(tmp_path, files)
    edited = EditedFiles(lambda path: (root / path).read_bytes())
    edited.apply(diagnosed(root, missing("yaml")).findings)
    assert edited.changed() == {"api/requirements.txt": (b"flask", b"flask\nPyYAML\nredis")}


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import redis\n", ["redis"]),
        ("if True:\n    import redis\n", []),
        ("def f():\n    import redis\n", []),
        ("try:\n    import redis\nexcept ImportError:\n    redis = None\n", []),
        ("try:\n    import redis\nexcept (OSError, ModuleNotFoundError):\n    pass\n", []),
        ("try:\n    import redis\nexcept OSError:\n    pass\n", ["redis"]),
        ("try:\n    import redis\nfinally:\n    pass\n", ["redis"]),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import redis\n", []),
        ("import json, sys, tomllib\n", []),
        ("import flask.views\nimport jinja2\n", []),
        ("from google.cloud import storage\n", ["google-cloud-storage"]),
        ("import something_private\n", []),
        ("from . import redis\n", []),
        ("import helpers\n", []),
        ("this is not python\n", []),
        ("import numpy\nimport pandas\n", ["pandas"]),
    ],
)
def test_only_certain_imports_are_needs(tmp_path: Path, code: str, found: list[str]) -> None:
    """Optional, conditional, own, standard, implied and unknown imports ask for nothing."""
    files = {
        "api/Dockerfile": DOCKERFILE,
        "api/requirements.txt": "Flask>=3\n",
        "api/app/main.py": code,
        "api/helpers.py": "",
    }
    root = project(tmp_path, files)
    findings = scan(Evidence("api", workspace=root, context=root / "api"))
    assert [name for finding in findings for name in finding.names] == found
    assert all(finding.origin is FindingOrigin.SCAN for finding in findings)


@pytest.mark.parametrize(
    ("dockerfile", "extra"),
    [
        (DOCKERFILE.replace("python:3.13-slim", "tiangolo.invalid/uvicorn-fastapi"), {}),
        (DOCKERFILE.replace("pip install -r requirements.txt", "poetry install"), {}),
        (DOCKERFILE, {"api/requirements.txt": "-r missing.txt\n"}),
        (DOCKERFILE.replace("COPY requirements.txt .", "RUN apt-get install -y python3-redis"), {}),
        (DOCKERFILE, {"api/.dockerignore": "app/*\n!app/other.py\n"}),
    ],
)
def test_the_scan_is_silent_where_it_cannot_know(
    tmp_path: Path, dockerfile: str, extra: dict[str, str]
) -> None:
    """Unknown base image, lock files, unread includes, system packages, ignored files: no claim."""
    files = {
        "api/Dockerfile": dockerfile,
        "api/requirements.txt": "",
        "api/app/main.py": "import redis\n",
        **extra,
    }
    root = project(tmp_path, files)
    assert scan(Evidence("api", workspace=root, context=root / "api")) == ()


MANIFESTS = [
    (
        "COPY . .\nRUN pip install -r requirements/prod.txt",
        {"requirements/prod.txt": "-r base.txt\n"},
        "prod.txt",
    ),
    ("COPY deps/*.txt /tmp/\nRUN pip install -r /tmp/web.txt", {"deps/web.txt": ""}, None),
    (
        "COPY reqs /tmp/reqs\nRUN pip install -r /tmp/reqs/requirements.txt",
        {"reqs/requirements.txt": ""},
        "reqs/",
    ),
    (
        "COPY . /code\nWORKDIR /code\nRUN pip install .",
        {"pyproject.toml": '[project]\nname = "x"\n'},
        "pyproject",
    ),
    (
        "COPY requirements*.txt ./\nRUN pip install -r requirements-dev.txt -r requirements.txt",
        {},
        "requirements.txt",
    ),
    (
        "RUN --mount=type=bind,source=requirements.txt,target=/r.txt pip install -r /r.txt",
        {},
        "requirements.txt",
    ),
    ("RUN pip install flask redis", {}, "Dockerfile"),
]


@pytest.mark.parametrize(("steps", "files", "target"), MANIFESTS)
def test_the_manifest_that_the_image_installs_from_is_found(
    tmp_path: Path, steps: str, files: dict[str, str], target: str | None
) -> None:
    """Through COPY, globs, directories, bind mounts and includes back to the build context."""
    present = {"requirements.txt": "", "requirements-dev.txt": "", "requirements/base.txt": "", **files}
    present["Dockerfile"] = f"FROM python:3.13-slim\n{steps}\n"
    root = project(tmp_path, {f"api/{name}": text for name, text in present.items()})
    result = diagnosed(root, missing("yaml"))
    if target is None:
        assert result.decision is Decision.DECLINE
        assert "deps/web.txt" in result.reason
        return
    assert result.findings[0].kind is FindingKind.ADD_PYTHON_PACKAGE
    assert target in str(result.findings[0].target)


@pytest.mark.parametrize(
    ("files", "kind", "reason"),
    [
        ({"api/requirements.txt": "pyyaml==6.0\n"}, "rebuild", "build it again"),
        ({"api/requirements.txt": "-r more.txt\n", "api/more.txt": "PyYAML\n"}, "rebuild", "is declared"),
        ({"api/requirements.txt": "PyYAML; sys_platform == 'win32'\n"}, "decline", "declared only where"),
        ({"api/requirements.txt": "flask==3.0 --hash=sha256:aa\n"}, "decline", "hash"),
        (
            {"api/Dockerfile": DOCKERFILE.replace("pip install", "pip install --require-hashes")},
            "decline",
            "hash",
        ),
        (
            {"api/Dockerfile": DOCKERFILE.replace("pip install -r requirements.txt", "uv sync")},
            "decline",
            "lock",
        ),
        ({"api/Dockerfile": "FROM python:3.13-slim\nCOPY . .\n"}, "add_python_package", "PyYAML"),
        ({"api/Dockerfile": "FROM scratch\nCOPY . .\n"}, "decline", "installs nothing with pip"),
        ({"api/yaml.py": ""}, "decline", "own module"),
        ({"api/src/yaml/__init__.py": ""}, "decline", "own module"),
        ({"api/app/yaml.py": ""}, "add_python_package", "PyYAML"),
    ],
)
def test_what_is_there_already_decides(tmp_path: Path, files: dict[str, str], kind: str, reason: str) -> None:
    """Declared, excluded, hash-checked, locked, or the project's own."""
    base = {
        "api/Dockerfile": DOCKERFILE,
        "api/requirements.txt": "flask\n",
        "api/app/main.py": "import yaml\n",
    }
    root = project(tmp_path, {**base, **files})
    result = diagnosed(root, missing("yaml"))
    assert (str(result.findings[0].kind), reason in result.reason) == (kind, True), result.reason


def test_a_library_goes_into_the_dockerfile_once(tmp_path: Path) -> None:
    """By the name its release uses; where it is listed already, adding it again is no answer."""
    log = "ImportError: libglib-2.0.so.0: cannot open shared object file: No such file or directory\n"
    text = DOCKERFILE.replace("3.13-slim", "3.13-slim-trixie")
    root = project(tmp_path, {"api/Dockerfile": text, "api/requirements.txt": ""})
    result = diagnosed(root, log)
    assert shown(result) == [("add_system_package", ("libglib2.0-0t64",), "api/Dockerfile", "evidence")]
    edited = EditedFiles(lambda path: (root / path).read_bytes())
    edited.apply(result.findings)
    (root / "api/Dockerfile").write_bytes(edited.bytes_of("api/Dockerfile") or b"")
    again = diagnosed(root, log)
    assert (again.decision, "has it already" in again.reason) == (Decision.DECLINE, True)


def test_what_the_build_lacked_goes_into_the_stage_that_installs(tmp_path: Path) -> None:
    """A compiler belongs to the builder stage, a library of the running program to the last one."""
    text = (
        "FROM python:3.13 AS builder\nCOPY requirements.txt .\n"
        "RUN pip install --target /deps -r requirements.txt\n"
        "FROM python:3.13-slim\nCOPY --from=builder /deps /deps\n"
    )
    root = project(tmp_path, {"api/Dockerfile": text, "api/requirements.txt": "uwsgi\n"})
    texts = []
    for log, phase in [
        ("Exception: you need a C compiler to build uWSGI\n", Phase.BUILD),
        ("ImportError: libpq.so.5: cannot open shared object file: No such file or directory\n", Phase.RUN),
    ]:
        edited = EditedFiles(lambda path: (root / path).read_bytes())
        edited.apply(diagnosed(root, log, phase).findings)
        texts.append((edited.bytes_of("api/Dockerfile") or b"").decode())
    assert "build-essential" in texts[0].split("FROM python:3.13-slim")[0]
    assert "libpq5" in texts[1].split("FROM python:3.13-slim")[1]


def test_a_killed_container_is_not_a_missing_package() -> None:
    """The kernel's verdict outweighs whatever the log says."""
    evidence = Evidence(
        "api", (SourceText("log", missing("yaml")),), container=ContainerFacts(137, oom_killed=True)
    )
    result = diagnose(evidence)
    assert (result.decision, result.findings[0].rule) == (Decision.DECLINE, "decline.out_of_memory")


def test_a_command_that_is_not_installed(tmp_path: Path) -> None:
    """A container that never started has no log; Docker's own error names the command."""
    error = 'exec: "gunicorn": executable file not found in $PATH: unknown'
    root = project(tmp_path, {"api/Dockerfile": DOCKERFILE, "api/requirements.txt": ""})
    evidence = Evidence("api", (), ContainerFacts(127, error=error), workspace=root, context=root / "api")
    result = diagnose(evidence)
    assert shown(result) == [("add_python_package", ("gunicorn",), "api/requirements.txt", "evidence")]
    assert result.findings[0].quotes[0].text == error


def test_no_evidence_no_fix() -> None:
    """Silence is not a cause."""
    assert diagnose(Evidence("api")).decision is Decision.DECLINE


def test_links_are_not_followed(tmp_path: Path) -> None:
    """A manifest that is a symbolic link is not read, so nothing outside the context ever is."""
    (tmp_path / "outside.txt").write_text("yaml\n")
    root = project(tmp_path, {"api/Dockerfile": DOCKERFILE, "api/app/main.py": ""})
    (root / "api/requirements.txt").symlink_to(tmp_path / "outside.txt")
    result = diagnosed(root, missing("yaml"))
    assert "not found in the build context" in str(result.findings[0].reason)
