"""A name that an installed package lacks: when the index is asked about it, and when it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from activities.consulting.removed_names import removed_name
from activities.diagnosis.evidence import Evidence
from activities.diagnosis.project import Project
from workflows.models.finding import Finding, FindingKind, Quote

LACKS = "ImportError: cannot import name '{}' from '{}' (/usr/lib/python3/{}/x/__init__.py){}"
SAID = LACKS.format("json", "itsdangerous", "site-packages", "")
FILES = {
    "Dockerfile": "FROM python:3.13\nCOPY . .\nRUN pip install -r requirements.txt\n",
    "requirements.txt": "itsdangerous==2.2.0\n",
    "app.py": "if True:\n    from itsdangerous import (\n        json as j,\n    )\n",
}


def asked(root: Path, said: str = SAID, **files: str) -> Finding | None:
    """What the index is asked about."""
    for name, text in (FILES | {key.replace("_", "."): text for key, text in files.items()}).items():
        (root / name).write_text(text)
    quotes = (Quote(source="log", line=3, text=said),)
    declined = Finding(rule="decline.name_mismatch", kind=FindingKind.DECLINE, quotes=quotes)
    return removed_name(declined, Project(Evidence(workspace=root, context=root)))


def test_the_projects_own_import_of_a_declared_package_is_asked_about(tmp_path: Path) -> None:
    """The pin has no version yet: only the index can give it one."""
    finding = asked(tmp_path)
    assert finding is not None
    assert (finding.names, finding.target, finding.version) == (("itsdangerous",), "requirements.txt", None)
    assert "app.py uses itsdangerous.json" in finding.reason


@pytest.mark.parametrize(
    "said",
    [
        LACKS.format("json", "itsdangerous", "other", ""),
        LACKS.format("json", "itsdangerous", "site-packages", " (most likely due to a circular import)"),
        LACKS.format("json", "partially initialized module itsdangerous", "site-packages", ""),
        LACKS.format("JSON", "itsdangerous", "site-packages", ""),
        LACKS.format("json", "no_such_module_on_record", "site-packages", ""),
        "ImportError: something else",
    ],
)
def test_what_is_not_certain_is_not_asked(tmp_path: Path, said: str) -> None:
    """An own module, a circle, a name that only another package imports, a package nobody knows."""
    assert asked(tmp_path, said) is None


def test_a_package_that_only_others_need_is_not_pinned(tmp_path: Path) -> None:
    """It is not in the manifest, or the file cannot be read as Python."""
    assert asked(tmp_path, requirements_txt="flask==3.0\n") is None
    assert asked(tmp_path, app_py="from itsdangerous import json; def (") is None
