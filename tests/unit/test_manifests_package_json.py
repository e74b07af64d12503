"""package.json edits: what must change changes, and everything else stays byte for byte."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.manifests import package_json
from activities.manifests.errors import ManifestError

PLAIN = """{
  "name": "svc",
  "version": "1.0.0",
  "main": "index.js",
  "scripts": {
    "start": "node index.js"
  },
  "dependencies": {
    "express": "^4.18.0",
    "pg": "^8.11.0"
  },
  "devDependencies": {
    "typescript": "~5.4.5"
  }
}
"""


def test_a_package_goes_to_its_place_in_a_sorted_group() -> None:
    """One line is added, between its neighbours."""
    after = package_json.add(PLAIN, "mongoose", "^8.1.0")
    assert after == PLAIN.replace(
        '"express": "^4.18.0",\n', '"express": "^4.18.0",\n    "mongoose": "^8.1.0",\n'
    )


@pytest.mark.parametrize("name", ["aaa", "zzz"])
def test_the_first_and_the_last_place_keep_the_commas(name: str) -> None:
    """No comma is lost or left over at either end."""
    after = package_json.add(PLAIN, name, "1.0.0")
    assert list(json.loads(after)["dependencies"]) == sorted(["express", "pg", name])


def test_an_unsorted_group_takes_new_ones_at_its_end() -> None:
    """Where there is no order, none is invented."""
    text = PLAIN.replace('"express"', '"zod"')
    assert list(json.loads(package_json.add(text, "cors", "^2.8.5"))["dependencies"])[-1] == "cors"


def test_line_ends_tabs_and_a_missing_last_newline_stay() -> None:
    """CRLF and tabs are the file's own style."""
    text = '{\r\n\t"dependencies": {\r\n\t\t"a": "1.0.0"\r\n\t}\r\n}'
    expected = '{\r\n\t"dependencies": {\r\n\t\t"a": "1.0.0",\r\n\t\t"b": "latest"\r\n\t}\r\n}'
    assert package_json.add(text, "b") == expected


def test_a_one_line_file_stays_on_one_line() -> None:
    """The separator between members is what stands between them already."""
    text = '{"dependencies": {"a": "^1.0.0"}}'
    assert json.loads(package_json.add(text, "b", "^2.0.0"))["dependencies"] == {"a": "^1.0.0", "b": "^2.0.0"}
    assert "\n" not in package_json.add(text, "b", "^2.0.0")


def test_a_missing_group_is_made_behind_the_scripts() -> None:
    """A file without dependencies gets the group in its own indentation."""
    text = '{\n  "name": "svc",\n  "scripts": {\n    "start": "node ."\n  },\n  "license": "MIT"\n}\n'
    after = package_json.add(text, "express", "^4.18.0")
    assert list(json.loads(after)) == ["name", "scripts", "dependencies", "license"]
    assert '  "dependencies": {\n    "express": "^4.18.0"\n  },\n' in after


def test_an_empty_group_is_filled() -> None:
    """`{}` opens into lines of its own."""
    after = package_json.add('{\n  "dependencies": {}\n}\n', "ms", "^2.1.0")
    assert after == '{\n  "dependencies": {\n    "ms": "^2.1.0"\n  }\n}\n'


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("1.0.0", "2.0.0"), "3.1.4"),
        (("~1.0.0", "~2.0.0"), "~3.1.4"),
        (("^1.0.0", "^2.0.0"), "^3.1.4"),
        (("^1.0.0", "*"), "^3.1.4"),
    ],
)
def test_versions_are_written_as_the_file_writes_them(values: tuple[str, str], expected: str) -> None:
    """Exact, tilde or caret: by what most of the group has."""
    text = json.dumps({"dependencies": dict(zip(("a", "b"), values, strict=True))}, indent=2)
    assert package_json.range_of(package_json.add(text, "c", "^3.1.4"), "c") == expected


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("@types/express", "devDependencies"),
        ("express-session", "dependencies"),
        ("jest-environment-jsdom", "dependencies"),
    ],
)
def test_a_package_stands_beside_its_like(name: str, group: str) -> None:
    """Types beside the compiler; what has no tool in the file is needed at run time."""
    assert name in json.loads(package_json.add(PLAIN, name, "^1.0.0"))[group]


def test_types_follow_a_compiler_that_is_a_regular_dependency() -> None:
    """An image without development dependencies still compiles."""
    text = '{\n  "dependencies": {\n    "typescript": "5.4.5"\n  }\n}\n'
    assert "@types/express" in json.loads(package_json.add(text, "@types/express"))["dependencies"]


def test_what_is_declared_is_not_added_again() -> None:
    """In whichever group it stands."""
    assert package_json.add(PLAIN, "typescript", "^5.0.0") == PLAIN


def test_adding_and_removing_gives_the_text_back() -> None:
    """A removal takes the comma along, at every place."""
    for name in ("aaa", "mmm", "zzz"):
        assert package_json.remove(package_json.add(PLAIN, name, "^1.0.0"), name) == PLAIN


def test_a_rename_keeps_the_version() -> None:
    """The wrong name goes, what it asked for stays."""
    assert package_json.rename(PLAIN, "pg", "pg-promise") == PLAIN.replace('"pg"', '"pg-promise"')


def test_a_move_takes_the_version_along() -> None:
    """From the development dependencies to the regular ones."""
    after = json.loads(package_json.move(PLAIN, "typescript"))
    assert after["dependencies"]["typescript"] == "~5.4.5"
    assert after["devDependencies"] == {}


def test_a_pin_changes_the_version_only() -> None:
    """Nothing but the range is new."""
    assert package_json.pin(PLAIN, "pg", "^7.0.0") == PLAIN.replace("^8.11.0", "^7.0.0")


def test_a_field_is_set_or_replaced() -> None:
    """A new field stands behind `main`."""
    after = package_json.set_field(PLAIN, "type", "module")
    assert after == PLAIN.replace('"index.js",\n', '"index.js",\n  "type": "module",\n', 1)
    assert package_json.set_field(after, "type", "commonjs") == after.replace('"module"', '"commonjs"')


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"name": "a", }', "not well-formed"),
        ('// why\n{"dependencies": {}}', "not well-formed"),
        ("[1]", "not one JSON object"),
        ('{"dependencies": []}', "no JSON object"),
        ("", "not well-formed"),
    ],
)
def test_a_file_that_is_no_plain_package_json_is_refused(text: str, words: str) -> None:
    """Comments and trailing commas are JSON no tool of npm reads."""
    with pytest.raises(ManifestError, match=words):
        package_json.add(text, "ms")


@pytest.mark.parametrize("name", ["", "../x", "a b", "x\ny", '"x', "@scope", "a/b/c"])
def test_only_package_names_are_written(name: str) -> None:
    """A name comes from a log now and then: it must not be able to write anything else."""
    with pytest.raises(ManifestError, match="not a valid package name"):
        package_json.add(PLAIN, name)


def test_a_version_that_comes_from_elsewhere_is_not_pinned() -> None:
    """`file:` and git sources have no version to change."""
    text = '{"dependencies": {"a": "file:../a"}}'
    with pytest.raises(ManifestError, match="no version can be set"):
        package_json.pin(text, "a", "^1.0.0")


NAMES = st.lists(st.from_regex(r"\A[a-z][a-z0-9-]{0,8}\Z"), unique=True, max_size=6)
STYLES = st.sampled_from([2, 4, "\t", None])


@given(NAMES, STYLES, st.booleans(), st.from_regex(r"\A[a-z][a-z0-9-]{0,8}\Z"))
def test_any_edit_changes_one_entry_only(
    names: list[str], indent: int | str | None, crlf: bool, new: str
) -> None:
    """Whatever the style: after the edit the file holds what it held and the one new entry."""
    before = {"name": "svc", "dependencies": dict.fromkeys(names, "^1.0.0"), "license": "MIT"}
    text = json.dumps(before, indent=indent)
    text = text.replace("\n", "\r\n") if crlf else text
    after = package_json.add(text, new, ">=2 <3")
    expected = {**before, "dependencies": {**dict.fromkeys(names, "^1.0.0"), new: ">=2 <3"}}
    if new in names:
        assert after == text
    else:
        assert json.loads(after) == expected
        assert json.loads(package_json.remove(after, new)) == before
        assert (after.count("\r\n") == after.count("\n")) or not crlf
