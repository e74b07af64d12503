"""pyproject.toml: one dependency in or changed, the rest byte for byte as it was."""

from __future__ import annotations

import tomllib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.manifests import pyproject
from activities.manifests.errors import ManifestError

MULTI = (
    '[project]\nname = "x"\ndependencies = [\n    "a",  # first\n    "c",\n    # tail\n]\n\n[tool.x]\ny = 1\n'
)
POETRY = (
    '[tool.poetry.dependencies]\npython = "^3.11"\nflask = {extras=["async"], version="^2"} # web\n\n'
    '# dev\n[tool.poetry.group.dev.dependencies]\npytest = "8"\n'
)


@pytest.mark.parametrize(
    ("before", "name", "specifier", "after"),
    [
        (MULTI, "b", "", MULTI.replace('    "c"', '    "b",\n    "c"')),
        (MULTI, "z", ">=1", MULTI.replace('    "c",\n', '    "c",\n    "z>=1",\n')),
        (MULTI, "A", "", MULTI),
        (
            '[project]\ndependencies = ["a", "c"]\n',
            "b",
            "",
            '[project]\ndependencies = ["a", "b", "c"]\n',
        ),
        ('[project]\ndependencies = [ "c", "a", ]', "z", "", '[project]\ndependencies = [ "c", "a", "z", ]'),
        ("[project]\ndependencies = []\n", "z", "", '[project]\ndependencies = ["z"]\n'),
        (
            "[project]\ndependencies = [\n  # none yet\n]\n",
            "z",
            "",
            '[project]\ndependencies = [\n  # none yet\n  "z",\n]\n',
        ),
        (
            "[project]\r\ndependencies = [ # none yet\r\n]\r\n",
            "z",
            "",
            '[project]\r\ndependencies = [ # none yet\r\n    "z",\r\n]\r\n',
        ),
        (
            '[project]\ndependencies = [\n  "a"  # last\n]\n',
            "z",
            "",
            '[project]\ndependencies = [\n  "a",  # last\n  "z"\n]\n',
        ),
        (
            "[project]\r\ndependencies = [\r\n\t'a',\r\n]\r\n",
            "z",
            "",
            "[project]\r\ndependencies = [\r\n\t'a',\r\n\t'z',\r\n]\r\n",
        ),
        ('\ufeff[project]\nname = "x"', "z", "", '\ufeff[project]\nname = "x"\ndependencies = ["z"]'),
        (
            POETRY,
            "redis[hiredis]",
            ">=5,<6",
            POETRY.replace("# web\n", '# web\nredis = {extras = ["hiredis"], version = ">=5,<6"}\n'),
        ),
        (POETRY, "redis", "", POETRY.replace("# web\n", '# web\nredis = "*"\n')),
    ],
)
def test_add_follows_the_style_of_the_file(before: str, name: str, specifier: str, after: str) -> None:
    """One line or many, trailing comma or none, quotes, comments, CRLF, BOM."""
    assert pyproject.add(before, name, specifier) == after


@pytest.mark.parametrize(
    ("before", "name", "version", "after"),
    [
        (MULTI, "c", "1.2", MULTI.replace('"c"', '"c==1.2"')),
        (
            "[project]\ndependencies = ['C[x]>1 ; python_version>\"3\"']\n",
            "c",
            "<4",
            "[project]\ndependencies = ['C[x]<4; python_version > \"3\"']\n",
        ),
        (POETRY, "flask", "3.0", POETRY.replace('"^2"', '"==3.0"')),
    ],
)
def test_pin_changes_the_version_only(before: str, name: str, version: str, after: str) -> None:
    """Extras, marker and quotes stay."""
    assert pyproject.pin(before, name, version) == after


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda: pyproject.add('[project]\nname="x"\ndynamic=["dependencies"]\n', "z"), "dynamic"),
        (lambda: pyproject.add("[build-system]\n", "z"), "neither"),
        (lambda: pyproject.add("[project\n", "z"), "not valid TOML"),
        (lambda: pyproject.add(MULTI, "a", ">=2"), "declared already"),
        (lambda: pyproject.pin(MULTI, "z", "1"), "not declared"),
        (
            lambda: pyproject.pin('[project]\ndependencies = ["a @ https://x.invalid/a.zip"]\n', "a", "1"),
            "URL",
        ),
        (lambda: pyproject.pin('[tool.poetry.dependencies]\na = {path = "../a"}\n', "a", "1"), "no version"),
        (lambda: pyproject.pin('[project]\ndependencies = ["a<2", "a>1"]\n', "a", "1"), "2 times"),
    ],
)
def test_what_cannot_be_edited_safely_is_refused(edit: Callable[[], str], reason: str) -> None:
    """ManifestError with a reason, never a guess."""
    with pytest.raises(ManifestError, match=reason):
        edit()


ITEMS = st.lists(st.from_regex(r"[a-z]{2,6}(?:>=[1-9])?", fullmatch=True), max_size=6)


@settings(deadline=None)  # the machine is shared
@given(
    ITEMS,
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(['"', "'"]),
    st.booleans(),
    st.booleans(),
    st.from_regex(r"[a-z]{2,6}", fullmatch=True),
)
def test_add_keeps_everything_else(
    items: list[str], end: str, quote: str, many: bool, comma: bool, name: str
) -> None:
    """The old dependencies come out in order, the new one once, the other tables untouched."""
    gap = f"{end}    " if many else ""
    body = f",{gap or ' '}".join(f"{quote}{item}{quote}" for item in items)
    trail = ("," if comma and items else "") + (end if many else "")
    head = f"# top{end}[project]{end}dependencies = ["
    tail = f"] # deps{end}{end}[tool.a]{end}b = 1  # c{end}"
    text = f"{head}{gap}{body}{trail}{tail}"
    result = pyproject.add(text, name)
    assert pyproject.declared(result) == pyproject.declared(text) | {name}
    after = tomllib.loads(result)
    assert [d for d in after["project"]["dependencies"] if d != name or name in items] == items
    assert result.startswith(head)
    assert result.endswith(tail)
    assert pyproject.add(result, name) == result


@settings(deadline=None)  # the machine is shared
@given(st.text(max_size=200))
def test_any_text_is_edited_or_refused(text: str) -> None:
    """Whatever a file holds, nothing but ManifestError comes out."""
    try:
        result = pyproject.add(text, "redis")
    except ManifestError:
        return
    assert "redis" in pyproject.declared(result)
