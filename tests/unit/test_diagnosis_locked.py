"""Services that install from a lock file: the manifest beside it takes the package."""

from __future__ import annotations

from pathlib import Path

import pytest

from activities.diagnosis.diagnose import Decision
from tests.unit.test_diagnosis_projects import diagnosed, missing, project, shown

POETRY = '[tool.poetry]\nname = "api"\n\n[tool.poetry.dependencies]\npython = "^3.11"\nflask = "^3.0"\n'
UV = '[project]\nname = "api"\nversion = "1"\ndependencies = []\n'


def files(install: str, pyproject: str) -> dict[str, str]:
    """A service with one kind of install."""
    dockerfile = f"FROM python:3.13-slim\nWORKDIR /srv\nCOPY . .\nRUN {install}\n"
    sources = {"api/app/__init__.py": "", "api/app/main.py": "import redis\n"}
    return {"api/Dockerfile": dockerfile, "api/pyproject.toml": pyproject, **sources}


@pytest.mark.parametrize(
    ("install", "pyproject"),
    [
        ("pip install poetry && poetry install --no-root", POETRY),
        ("uv sync --frozen", UV),
        ("uv sync --locked --no-dev", UV),
    ],
)
def test_pyproject_takes_what_the_lock_file_must_hold(tmp_path: Path, install: str, pyproject: str) -> None:
    """The editor writes the manifest; the plan step lets the tool write its lock file."""
    result = diagnosed(project(tmp_path, files(install, pyproject)), missing("redis"))
    assert shown(result) == [("add_python_package", ("redis",), "api/pyproject.toml", "evidence")]


@pytest.mark.parametrize(
    "install", ["pip install pipenv && pipenv install --system --deploy", "pipenv sync --system"]
)
def test_the_pipfile_takes_it_where_pipenv_installs(tmp_path: Path, install: str) -> None:
    """As above; a Pipfile without a table of packages is declined."""
    given = files(install, UV) | {"api/Pipfile": '[packages]\nflask = "*"\n'}
    result = diagnosed(project(tmp_path / "one", given), missing("redis"))
    assert shown(result) == [("add_python_package", ("redis",), "api/Pipfile", "evidence")]
    declined = diagnosed(project(tmp_path / "two", given | {"api/Pipfile": ""}), missing("redis"))
    assert declined.decision is Decision.DECLINE


@pytest.mark.parametrize(
    ("install", "pyproject"),
    [
        ("poetry install", "not toml ["),
        ("poetry install", "[tool.black]\nline-length = 100\n"),
        ("uv sync", '[project]\nname = "api"\nversion = "1"\ndynamic = ["dependencies"]\n'),
        ("pdm install", UV),
    ],
)
def test_what_cannot_be_edited_is_declined(tmp_path: Path, install: str, pyproject: str) -> None:
    """No place for the package, or a tool whose lock file nobody here renews."""
    result = diagnosed(project(tmp_path, files(install, pyproject)), missing("redis"))
    assert result.decision is Decision.DECLINE
