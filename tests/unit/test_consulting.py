"""Looking at findings again: styles, subjects, near names, doubts, and what an answer makes of a finding."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from pydantic import ValidationError

from activities.consulting.answers import Answer, PackageAnswer
from activities.consulting.doubts import AgeLimit, doubts_of
from activities.consulting.near_names import distance, near_popular
from activities.consulting.refining import Manifest, node_refined, python_refined, unproven, withdrawal
from activities.consulting.styles import Style, node_range, node_style, python_specifier, python_style
from activities.consulting.subjects import Subject, node_subjects, python_subjects, wanted_of
from workflows.models.finding import Finding, FindingKind, FindingOrigin, Quote

NOW = datetime(2026, 6, 1, tzinfo=UTC)
POETRY = '[tool.poetry.dependencies]\npython = "^3.11"\n{}\n'

STYLES = [
    ("requirements.txt", "flask==3.0\nredis==5.0.1\n# a comment\n-r more.txt\n", Style.EXACT),
    ("requirements.txt", "flask==3.0\nredis\n", Style.BARE),
    ("requirements.txt", "flask==3.0\nredis==5\nsix\n", Style.EXACT),
    ("requirements.txt", "flask>=3.0\r\nredis>=5\r\n", Style.AT_LEAST),
    ("requirements.txt", "flask~=3.0\nredis~=5.0\n", Style.COMPATIBLE),
    ("requirements.txt", "flask>=3.0,<4\nredis>=5,<6\n", Style.CARET),
    ("requirements.txt", "", Style.BARE),
    ("requirements.txt", "flask @ https://example.org/flask.whl\n", Style.BARE),
    ("pyproject.toml", '[project]\nname = "a"\ndependencies = ["flask>=3", "redis>=5"]\n', Style.AT_LEAST),
    (
        "pyproject.toml",
        POETRY.format('flask = "^3.0"\nredis = {version = "^5", extras = ["x"]}'),
        Style.CARET,
    ),
    ("pyproject.toml", POETRY.format('flask = "3.0.1"'), Style.EXACT),
    ("pyproject.toml", POETRY.format('flask = "~3.0"'), Style.TILDE),
    ("pyproject.toml", POETRY.format('flask = "*"'), Style.BARE),
    ("pyproject.toml", "not toml [", Style.BARE),
    ("Dockerfile", "FROM python:3.13\nRUN pip install flask==3.0 redis==5\n", Style.EXACT),
    ("Dockerfile", "FROM python:3.13\nRUN pip install flask redis==5\n", Style.BARE),
    ("setup.cfg", "[options]\n", Style.BARE),
]


@pytest.mark.parametrize(("path", "text", "style"), STYLES)
def test_the_style_is_what_most_lines_do(path: str, text: str, style: Style) -> None:
    """Half of the lines are not most of them; what cannot be read has no style."""
    assert python_style(path, text, None) is style


SPECIFIERS = [
    (Style.EXACT, "2.3.1", "", "==2.3.1"),
    (Style.EXACT, "2.3.1", "<3", "==2.3.1"),
    (Style.AT_LEAST, "2.3.1", "", ">=2.3.1"),
    (Style.AT_LEAST, "2.3.1", "<3", ">=2.3.1,<3"),
    (Style.COMPATIBLE, "2.3.1", "", "~=2.3"),
    (Style.CARET, "2.3.1", "", ">=2.3.1,<3"),
    (Style.CARET, "0.3.1", "", ">=0.3.1,<0.4"),
    (Style.TILDE, "2.3.1", "", ">=2.3.1,<2.4"),
    (Style.BARE, "2.3.1", "", ""),
    (Style.BARE, "2.3.1", "<3", "<3"),
]


@pytest.mark.parametrize(("style", "version", "limit", "specifier"), SPECIFIERS)
def test_a_version_is_written_in_that_style(style: Style, version: str, limit: str, specifier: str) -> None:
    """What the release must meet anyway stays in ranges; a pin meets it by itself."""
    assert python_specifier(style, version, limit) == specifier


@given(
    st.sampled_from(list(Style)),
    st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(0, 9)),
    st.sampled_from(["", "<41", ">=0"]),
)
def test_the_chosen_release_meets_every_style(
    style: Style, release: tuple[int, int, int], limit: str
) -> None:
    """Whatever is written, pip may take the release that was proven."""
    version = ".".join(map(str, release))
    assert version in SpecifierSet(python_specifier(style, version, limit))


NODE_STYLES = [
    ('{"dependencies": {"a": "^1.0.0", "b": "^2.0.0", "c": "1.0.0"}}', Style.CARET, "^4.1.2"),
    ('{"dependencies": {"a": "1.0.0"}, "devDependencies": {"b": "2.0.0-rc.1"}}', Style.EXACT, "4.1.2"),
    ('{"dependencies": {"a": "~1.0.0"}}', Style.TILDE, "~4.1.2"),
    ('{"dependencies": {"a": "*", "b": "file:../b"}}', Style.CARET, "^4.1.2"),
    ("{}", Style.CARET, "^4.1.2"),
    ("[]", Style.CARET, "^4.1.2"),
    ("not json", Style.CARET, "^4.1.2"),
]


@pytest.mark.parametrize(("text", "style", "written"), NODE_STYLES)
def test_package_json_has_a_style_too(text: str, style: Style, written: str) -> None:
    """Where it says nothing, npm's own caret."""
    assert node_style(text) is style
    assert node_range(style, "4.1.2") == written


NEAR = [
    ("reqeusts", "requests"),
    ("request", "requests"),
    ("requestss", "requests"),
    ("dateutil-python", "python-dateutil"),
    ("pythondateutil", "python-dateutil"),
    ("python-dateutl", "python-dateutil"),
    ("python-dateuil2", "python-dateutil"),
    ("requests", ""),
    ("flask-login", ""),
    ("six2", ""),
    ("entirely-else", ""),
]


@pytest.mark.parametrize(("name", "near"), NEAR)
def test_names_that_are_nearly_popular(name: str, near: str) -> None:
    """One slip, two in long names, and parts in another order; short names are near by chance."""
    popular = {"requests", "python-dateutil", "six", "flask"}
    assert near_popular(name, popular) == near


def test_a_swap_is_one_slip() -> None:
    """Transposed neighbours are what fingers do."""
    assert (distance("reqeusts", "requests"), distance("abc", "abc"), distance("", "ab")) == (1, 0, 2)


def finding(*names: str, said: str = "", **more: object) -> Finding:
    """A missing package."""
    quotes = (Quote(source="log", line=1, text=said),) if said else ()
    made = Finding(
        rule="r", kind=FindingKind.ADD_PYTHON_PACKAGE, names=names, target="requirements.txt", quotes=quotes
    )
    return made.model_copy(update=more)


WANTED = [
    ("ModuleNotFoundError: No module named 'yaml.nodes'", ("yaml.nodes", "")),
    ("ImportError: No module named yaml", ("yaml", "")),
    ("ImportError: cannot import name 'escape' from 'jinja2' (/x)", ("jinja2", "escape")),
    ('ImportError: cannot import name "escape" from "jinja2"', ("jinja2", "escape")),
    ("AttributeError: module 'numpy' has no attribute 'bool'", ("numpy", "bool")),
    ("sh: redis: not found", ("", "")),
]


@pytest.mark.parametrize(("said", "wanted"), WANTED)
def test_what_the_code_wants_is_read_from_the_quotes(said: str, wanted: tuple[str, str]) -> None:
    """Module, and the name in it."""
    assert wanted_of(finding("x", said=said)) == wanted


def test_a_scan_quotes_the_import_itself() -> None:
    """Only a scan's quote is source text."""
    scanned = finding("PyYAML", said="    from yaml.nodes import Node", origin=FindingOrigin.SCAN)
    assert wanted_of(scanned) == ("yaml.nodes", "")
    assert wanted_of(scanned.model_copy(update={"origin": FindingOrigin.EVIDENCE})) == ("", "")


def test_subjects_are_plain_names() -> None:
    """Extras and limits are read; addresses and other kinds are nobody's question."""
    assert python_subjects(finding("psycopg[binary]", version="<4")) == (Subject("psycopg", "<4"),)
    assert python_subjects(finding("marshmallow<4")) == (Subject("marshmallow", "<4"),)
    assert python_subjects(finding("x @ https://example.org/x.whl")) == ()
    assert python_subjects(finding("--index-url")) == ()
    assert python_subjects(finding("git", kind=FindingKind.ADD_SYSTEM_PACKAGE)) == ()
    renamed = finding("sklearn", "scikit-learn", kind=FindingKind.REPLACE_PYTHON_PACKAGE)
    assert python_subjects(renamed) == (Subject("scikit-learn"),)
    node = finding("@types/express", "left-pad@^1", kind=FindingKind.ADD_NODE_PACKAGE)
    assert node_subjects(node) == (Subject("@types/express"), Subject("left-pad", "^1"))
    assert node_subjects(finding("-g", "a b", kind=FindingKind.ADD_NODE_PACKAGE)) == ()


OLD = PackageAnswer(
    found=True,
    complete=True,
    releases=9,
    first_uploaded=NOW - timedelta(days=900),
    newest="2.3.1",
    chosen="2.3.1",
)
PINS = Manifest("requirements.txt", Style.EXACT)


def refined(one: Finding, answer: PackageAnswer, manifest: Manifest = PINS) -> Finding:
    """The finding after an answer about its only package."""
    subjects = python_subjects(one)
    whole = Answer(reached=True, interpreter="3.13.5", packages={subjects[0].name: answer})
    return python_refined(one, subjects, whole, manifest, "shop-api")


def test_the_version_follows_the_file() -> None:
    """And the trace says why it is this one."""
    seen = refined(finding("redis"), OLD)
    assert seen.version == "==2.3.1"
    assert seen.consulted[0] == (
        "Python 3.13.5 of shop-api: redis has 9 release(s), the first of 2023-12-14; newest for it: 2.3.1"
    )
    assert seen.consulted[-1] == "version ==2.3.1: requirements.txt pins its packages"
    bare = refined(finding("redis"), OLD, Manifest("requirements.txt", Style.BARE))
    assert not bare.version


def test_the_first_release_without_a_name_is_the_limit() -> None:
    """Pinned files get the last one that had it, others stay below the first that has not."""
    gone = OLD.model_copy(update={"chosen": "2.0.1", "last_with": "2.0.1", "first_without": "2.1.0"})
    pin = finding("markupsafe", version="<3", kind=FindingKind.CHANGE_PYTHON_VERSION_PIN)
    assert refined(pin, gone).version == "==2.0.1"
    ranged = refined(pin, gone, Manifest("requirements.txt", Style.AT_LEAST))
    assert SpecifierSet(ranged.version or "") == SpecifierSet("<3,<2.1.0")
    assert refined(finding("setuptools"), gone).version == "==2.0.1"
    extra = finding("psycopg[binary]", kind=FindingKind.ADD_EXTRA)
    assert refined(extra, OLD).version is None, "the requirement that is there has its own"
    nothing = finding("markupsafe", kind=FindingKind.CHANGE_PYTHON_VERSION_PIN)
    assert not refined(nothing, OLD).version, "a pin without a reason is none"
    upgrade = nothing.model_copy(update={"origin": FindingOrigin.OPERATOR})
    assert refined(upgrade, OLD).version == "==2.3.1"
    assert refined(upgrade, OLD, Manifest("requirements.txt", Style.BARE)).version == ">=2.3.1"


def test_the_operators_version_is_the_operators() -> None:
    """A specifier that was asked for stays; a name alone gets its version."""
    asked = finding("redis", version=">=1", origin=FindingOrigin.OPERATOR)
    assert refined(asked, OLD).version == ">=1"
    assert refined(finding("redis", origin=FindingOrigin.OPERATOR), OLD).version == "==2.3.1"


def test_several_names_in_one_finding_share_no_version() -> None:
    """They are traced all the same."""
    one = finding("a", "b")
    answer = Answer(reached=True, interpreter="3.13.5", packages={"a": OLD, "b": OLD})
    seen = python_refined(one, python_subjects(one), answer, PINS, "shop-api")
    assert seen.version is None
    assert len(seen.consulted) == 4


def test_no_release_and_no_time_are_said() -> None:
    """Neither is a failure, and neither changes the version."""
    none = refined(finding("redis"), OLD.model_copy(update={"chosen": ""}))
    assert (none.version, none.consulted[-1]) == (
        None,
        "no release of redis suits Python 3.13.5 of shop-api and the manifest",
    )
    late = refined(finding("redis"), PackageAnswer(found=True, releases=9))
    assert "index not reachable in time" in late.consulted[-1]


def test_a_name_that_the_index_denies_is_withdrawn() -> None:
    """Only a plain no counts; silence does not."""
    one = finding("redis")
    no = Answer(reached=True, packages={"redis": PackageAnswer(found=False)})
    assert "has no redis" in withdrawal(one, python_subjects(one), no, lambda _: "")
    typo, wrong = finding("reqeusts"), Answer(packages={"reqeusts": PackageAnswer(found=False)})
    assert withdrawal(typo, python_subjects(typo), wrong, lambda _: "requests").endswith(
        "; requests may be meant"
    )
    for silence in (PackageAnswer(), OLD):
        unsure = Answer(reached=True, packages={"redis": silence})
        assert withdrawal(one, python_subjects(one), unsure, lambda _: "") == ""


def test_a_wheel_without_the_module_is_a_doubt() -> None:
    """Unless start-up hooks may provide it, or there is no wheel to look into."""
    subject = Subject("setuptools", module="distutils")
    wheel = OLD.model_copy(update={"wheel": "x-1-py3-none-any.whl"})
    assert "does not hold 'distutils'" in unproven(subject, wheel)[0]
    assert unproven(subject, wheel.model_copy(update={"hooks": True})) == ()
    assert unproven(subject, wheel.model_copy(update={"place": "distutils/__init__.py"})) == ()
    assert unproven(subject, OLD) == ()


def test_node_gets_a_range() -> None:
    """Only where the finding has none."""
    one = finding("express", kind=FindingKind.ADD_NODE_PACKAGE, target="package.json")
    answer = Answer(reached=True, interpreter="20.1.0", packages={"express": OLD})
    manifest = Manifest("package.json", Style.CARET)
    assert node_refined(one, node_subjects(one), answer, manifest, "shop-web").version == "^2.3.1"
    given_range = one.model_copy(update={"version": "4"})
    assert node_refined(given_range, node_subjects(given_range), answer, manifest, "w").version == "4"
    unfit = answer.model_copy(update={"packages": {"express": OLD.model_copy(update={"problem": "no"})}})
    assert node_refined(given_range, node_subjects(given_range), unfit, manifest, "w").version == "^2.3.1"


KNOWN = frozenset({"requests", "redis"})
DOUBTS = [
    ("redis", 900, ()),
    ("redis", 13, ("young_package",)),
    ("redis", 14, ()),
    ("reqeusts", 900, ("similar_name", "unknown_package")),
    ("zzz", 2, ("young_package", "unknown_package")),
    ("zzz", None, ("unknown_package",)),
]


@pytest.mark.parametrize(("name", "days", "rules"), DOUBTS)
def test_doubts_name_their_rule(name: str, days: int | None, rules: tuple[str, ...]) -> None:
    """Age, name and record, each with its own line."""
    first = None if days is None else NOW - timedelta(days=days)
    answer = PackageAnswer(found=True, first_uploaded=first)
    near = near_popular(name, KNOWN)
    doubts = doubts_of(name, answer, near=near, known=name in KNOWN, limit=AgeLimit(14, NOW))
    assert tuple(line.split(": ")[0] for line in doubts) == rules


@pytest.mark.parametrize("version", ["1.0; rm -rf /", "$(x)", "1.0\nevil", "-1", "a" * 65])
def test_an_answer_is_checked_before_it_is_used(version: str) -> None:
    """What comes out of a container could end up in a manifest."""
    with pytest.raises(ValidationError):
        PackageAnswer(chosen=version)
