"""Python requirements renamed, removed, replaced, pinned and given extras, in each kind of manifest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.manifests import python_edits, requirements, requirements_changes
from activities.manifests.errors import ManifestError
from workflows.models.finding import Finding, FindingKind

TXT = "# web\nFlask==1.1.2  # old\nsklearn>=0.20 ; python_version > '3.6'\nuvicorn [standard] >= 0.2\n"
TOML = (
    '[project]\nname = "x"\ndependencies = [\n    "flask==1.1.2",  # old\n    "sklearn>=0.20",\n]\n'
    '[project.optional-dependencies]\nweb = ["uvicorn>=0.2", "jinja2"]\n'
)
POETRY = '[tool.poetry.dependencies]\npython = "^3.9"\nflask = "^1.1"\nsklearn = "*"  # ml\n'
CFG = "[options]\ninstall_requires =\n    flask==1.1.2\n    sklearn>=0.20\n\n[bdist_wheel]\nuniversal = 1\n"
DOCKER = (
    "FROM python:3.11\nRUN pip install --no-cache-dir flask==1.1.2 \\\n    'sklearn>=0.20' \\\n    uvicorn\n"
)


def finding(kind: FindingKind, names: tuple[str, ...], target: str, version: str | None = None) -> Finding:
    """What a rule would say."""
    return Finding(rule="test", kind=kind, names=names, target=target, version=version)


RENAMES = [
    ("requirements.txt", TXT, "scikit-learn>=0.20 ; python_version > '3.6'\n"),
    ("pyproject.toml", TOML, '    "scikit-learn>=0.20",\n'),
    ("pyproject.toml", POETRY, 'scikit-learn = "*"  # ml\n'),
    ("setup.cfg", CFG, "    scikit-learn>=0.20\n"),
    ("Dockerfile", DOCKER, "    'scikit-learn>=0.20' \\\n"),
]


@pytest.mark.parametrize(("target", "text", "line"), RENAMES)
def test_a_rename_keeps_all_but_the_name(target: str, text: str, line: str) -> None:
    """Version, marker, quotes, comment and line ends stay, in either kind of line ends."""
    one = finding(FindingKind.RENAME_PYTHON_PACKAGE, ("sklearn", "scikit-learn"), target)
    result = python_edits.rename(one, text, None)
    assert line in result
    assert result.replace("scikit-learn", "sklearn") == text
    windows = text.replace("\n", "\r\n")
    assert python_edits.rename(one, windows, None) == result.replace("\n", "\r\n")


REMOVALS = [
    ("requirements.txt", TXT, "sklearn>=0.20 ; python_version > '3.6'\n"),
    ("pyproject.toml", TOML, '    "sklearn>=0.20",\n'),
    ("pyproject.toml", POETRY, 'sklearn = "*"  # ml\n'),
    ("setup.cfg", CFG, "    sklearn>=0.20\n"),
    ("Dockerfile", DOCKER, " \\\n    'sklearn>=0.20'"),
]


@pytest.mark.parametrize(("target", "text", "gone"), REMOVALS)
def test_a_removal_takes_its_line_and_no_other_byte(target: str, text: str, gone: str) -> None:
    """Also in a list on one line of a Dockerfile."""
    one = finding(FindingKind.REMOVE_PYTHON_PACKAGE, ("sklearn",), target)
    assert python_edits.remove(one, text, None) == text.replace(gone, "")


EXTRAS = [
    ("requirements.txt", TXT, "flask[async]", "Flask[async]==1.1.2  # old\n"),
    ("requirements.txt", TXT, "uvicorn[dev]", "uvicorn[dev,standard] >= 0.2\n"),
    ("requirements.txt", TXT, "httpx[socks]", "httpx[socks]\n"),
    ("pyproject.toml", TOML, "flask[async]", '    "flask[async]==1.1.2",  # old\n'),
    ("pyproject.toml", POETRY, "flask[async]", 'flask = {extras = ["async"], version = "^1.1"}\n'),
    ("Dockerfile", DOCKER, "uvicorn[standard]", "    'uvicorn[standard]'\n"),
]


@pytest.mark.parametrize(("target", "text", "name", "line"), EXTRAS)
def test_an_extra_goes_to_the_requirement_that_is_there(target: str, text: str, name: str, line: str) -> None:
    """Or comes as a requirement of its own where none is."""
    assert line in python_edits.add_extra(finding(FindingKind.ADD_EXTRA, (name,), target), text, None)


PINS = [
    ("requirements.txt", TXT, "flask", "<3", "Flask<3  # old\n"),
    ("requirements.txt", "django>=3.1\n", "django", "<4", "django>=3.1,<4\n"),
    ("requirements.txt", "django>=4.1\n", "django", "<4", "django<4\n"),
    ("requirements.txt", "pyyaml==5.4\n", "pyyaml", ">=6.0.1", "pyyaml==6.0.1\n"),
    ("requirements.txt", TXT, "markupsafe", "<2.1", "markupsafe<2.1\n"),
    ("setup.cfg", CFG, "flask", "<3", "    flask<3\n    sklearn>=0.20\n\n"),
    ("setup.cfg", CFG, "redis", "<5", "    redis<5\n    sklearn>=0.20\n\n"),
    ("pyproject.toml", TOML, "flask", "<3", '"flask<3",  # old\n'),
    ("Dockerfile", DOCKER, "flask", "<3", "--no-cache-dir 'flask<3' \\\n"),
    ("Dockerfile", DOCKER, "setuptools", "<58", "RUN pip install --no-cache-dir 'setuptools<58'\nRUN pip"),
]


@pytest.mark.parametrize(("target", "text", "name", "version", "line"), PINS)
def test_a_pin_replaces_the_version_or_comes_as_a_line(
    target: str, text: str, name: str, version: str, line: str
) -> None:
    """What no install of a Dockerfile names is pinned by an install that comes before it."""
    one = finding(FindingKind.CHANGE_PYTHON_VERSION_PIN, (name,), target, version)
    assert line in python_edits.pin(one, text, None)


def test_a_replacement_forgets_the_old_version() -> None:
    """Another distribution's numbers mean nothing to it."""
    one = finding(FindingKind.REPLACE_PYTHON_PACKAGE, ("flask", "quart"), "requirements.txt")
    result = python_edits.replace(one, TXT, None)
    assert "quart\n" in result
    assert "Flask" not in result
    image = finding(FindingKind.REPLACE_PYTHON_PACKAGE, ("flask", "quart"), "Dockerfile")
    assert "--no-cache-dir quart \\\n" in python_edits.replace(image, DOCKER, None)


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("requirements.txt", "flask==1 --hash=sha256:aa\n"),
        ("requirements.txt", "quart\n"),
        ("pyproject.toml", '[project]\nname = "x"\ndependencies = ["quart"]\n'),
        ("Dockerfile", "FROM python:3.11\nRUN pip install flask\n"),
        ("setup.py", "setup(install_requires=['flask'])\n"),
        ("Pipfile", "[dev-packages]\nflask = '*'\n"),
        ("Pipfile.lock", "{}"),
    ],
)
def test_what_cannot_be_removed_safely_is_refused(target: str, text: str) -> None:
    """Hash-checked, not there, the only one of its install, or a file that no editor knows."""
    with pytest.raises(ManifestError):
        python_edits.remove(finding(FindingKind.REMOVE_PYTHON_PACKAGE, ("flask",), target), text, None)


NAME = st.from_regex(r"\A[a-z][a-z0-9]{1,8}(?:-[a-z0-9]{1,4})?\Z")


@given(st.lists(NAME, min_size=1, max_size=8, unique=True), st.data())
def test_removed_means_all_others_are_as_before(names: list[str], data: st.DataObject) -> None:
    """For every list of names: the one is gone, order and lines of the others stay."""
    text = "".join(f"{name}==1.0\n" for name in names)
    gone = data.draw(st.sampled_from(names))
    result = requirements_changes.remove(text, gone)
    assert result == "".join(f"{name}==1.0\n" for name in names if name != gone)
    assert requirements.declared(result) == requirements.declared(text) - {gone}
