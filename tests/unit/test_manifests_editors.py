"""Which editor a path gets."""

from __future__ import annotations

import pytest

from activities.manifests import pyproject, requirements
from activities.manifests.editors import editor_for, is_dockerfile


@pytest.mark.parametrize(
    ("path", "editor"),
    [
        ("api/requirements.txt", requirements),
        ("requirements-dev.txt", requirements),
        ("requirements/prod.txt", requirements),
        ("constraints.txt", requirements),
        ("api/pyproject.toml", pyproject),
        ("notes.txt", None),
        ("package.json", None),
        ("Dockerfile", None),
    ],
)
def test_the_file_name_decides(path: str, editor: object) -> None:
    """Known manifests have an editor, everything else has none."""
    assert editor_for(path) is editor


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/Dockerfile", True),
        ("Dockerfile.dev", True),
        ("api.Dockerfile", True),
        ("Containerfile", True),
        ("Dockerfiles.md", False),
    ],
)
def test_dockerfiles_are_known_by_name(path: str, expected: bool) -> None:
    """The usual names of Dockerfiles."""
    assert is_dockerfile(path) is expected
