"""Pipfile: one line of `[packages]` changes, every other byte stays."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.consulting.styles import Style, python_style
from activities.manifests import pipfile, python_edits
from activities.manifests.errors import ManifestError
from workflows.models.finding import Finding, FindingKind

TEXT = """\
[[source]]
name = "internal"
verify_ssl = true

[packages]
# the web
Flask = "==3.0.3"
requests = {version = ">=2.31", extras = ["socks"]}
uvicorn = "*"  # served by

[dev-packages]
pytest = "*"

[requires]
python_version = "3.13"
"""


def lines_of(before: str, after: str) -> tuple[list[str], list[str]]:
    """(lines that went, lines that came)."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    return [line for line in old if line not in new], [line for line in new if line not in old]


def test_what_is_declared() -> None:
    """Development packages are not in the image; a table's version and extras are read."""
    assert pipfile.declared(TEXT) == {"flask", "requests", "uvicorn"}
    assert str(pipfile.requirement_of(TEXT, "requests")) == "requests[socks]>=2.31"
    assert str(pipfile.requirement_of(TEXT, "uvicorn")) == "uvicorn"
    assert pipfile.requirement_of(TEXT, "pytest") is None
    assert pipfile.requirement_of('[packages]\nlib = {git = "x", ref = "y"}\n', "lib") is not None


EDITS = [
    (lambda text: pipfile.add(text, "humanize", "==4.9.0"), [], ['humanize = "==4.9.0"\n']),
    (lambda text: pipfile.add(text, "uvicorn[standard]"), [], []),
    (lambda text: pipfile.pin(text, "flask", "3.0.4"), ['Flask = "==3.0.3"\n'], ['Flask = "==3.0.4"\n']),
    (
        lambda text: pipfile.pin(text, "requests", "<3"),
        ['requests = {version = ">=2.31", extras = ["socks"]}\n'],
        ['requests = {version = "<3", extras = ["socks"]}\n'],
    ),
    (lambda text: pipfile.rename(text, "flask", "quart"), ['Flask = "==3.0.3"\n'], ['quart = "==3.0.3"\n']),
    (lambda text: pipfile.remove(text, "uvicorn"), ['uvicorn = "*"  # served by\n'], []),
    (
        lambda text: pipfile.add_extras(text, "flask", frozenset({"async"})),
        ['Flask = "==3.0.3"\n'],
        ['Flask = {extras = ["async"], version = "==3.0.3"}\n'],
    ),
]


@pytest.mark.parametrize("crlf", [False, True])
@pytest.mark.parametrize(("edit", "gone", "come"), EDITS)
def test_only_one_line_changes(edit, gone: list[str], come: list[str], crlf: bool) -> None:  # type: ignore[no-untyped-def]
    """In both line ends; comments, other tables and order stay, and Pipenv can still read it."""
    text = TEXT.replace("\n", "\r\n") if crlf else TEXT
    ending = "\r\n" if crlf else "\n"
    result = edit(text)
    went, came = lines_of(text, result)
    assert went == [line.replace("\n", ending) for line in gone]
    assert came == [line.replace("\n", ending) for line in come]
    tomllib.loads(result.replace("\r\n", "\n"))


def test_a_sorted_table_stays_sorted() -> None:
    """And an unsorted one gets its line at the end."""
    ordered = '[packages]\nbeta = "*"\ngamma = "*"\n'
    assert pipfile.add(ordered, "alpha").splitlines()[1] == 'alpha = "*"'
    assert pipfile.add(ordered, "delta").splitlines()[2] == 'delta = "*"'
    assert pipfile.add('[packages]\nb = "*"\na = "*"\n', "aa").splitlines()[3] == 'aa = "*"'


def test_an_empty_table_gets_its_first_line() -> None:
    """Below its header, before the next table."""
    assert pipfile.add("[packages]\n\n[requires]\n", "six") == '[packages]\nsix = "*"\n\n[requires]\n'
    assert pipfile.add("[packages]", "six") == '[packages]\nsix = "*"'


@pytest.mark.parametrize("text", ["", "[dev-packages]\n", "not toml [", "packages = 3\n"])
def test_no_place_is_said(text: str) -> None:
    """Nothing is guessed where there is no table of packages."""
    with pytest.raises(ManifestError):
        pipfile.add(text, "six")


NAME = st.from_regex(r"\A[a-z][a-z0-9]{1,8}(?:-[a-z0-9]{1,4})?\Z")


@given(st.lists(NAME, min_size=1, max_size=8, unique=True), NAME)
def test_adding_and_removing_is_nothing(names: list[str], new: str) -> None:
    """For every table: what was added and taken out leaves the bytes as they were."""
    text = "[packages]\n" + "".join(f'{name} = "*"\n' for name in names)
    if new in names:
        assert pipfile.add(text, new) == text
    else:
        assert pipfile.remove(pipfile.add(text, new, ">=1"), new) == text


def test_findings_reach_it() -> None:
    """The edits of findings know the file by its name, and its style is read as any other's."""
    one = Finding(rule="r", kind=FindingKind.ADD_PYTHON_PACKAGE, names=("humanize",), target="api/Pipfile")
    assert 'humanize = "*"\n' in python_edits.add(one, TEXT, None)
    pinned = '[packages]\na = "==1"\nb = "==2"\n'
    assert python_style("Pipfile", pinned, None) is Style.EXACT
