"""The scorer itself: what counts as right, partial, declined and wrong."""

import pytest

from tests.repair.cases import Case, Expected, Option
from tests.repair.diagnosis import Outcome, Score
from tests.repair.scoring import Mark, Said, bare, judge

LIBPQ = Expected(
    decision="fix",
    kind="add_system_package",
    names=("libpq-dev", "gcc"),
    any_of=(Option(kind="replace_python_package", names=("psycopg2", "psycopg2-binary")),),
    also_needed_next=("make",),
)
LOCK = Expected(decision="fix", kind="change_lockfile", names=())
NO = Expected(decision="decline", kind="decline")
EITHER = Expected(
    decision="decline", kind="decline", any_of=(Option(kind="add_python_package", names=("x",)),)
)
PIN = Expected(decision="fix", kind="change_python_version_pin", names=("marshmallow<4",))

TABLE = [
    (LIBPQ, "add_system_package", ("libpq-dev", "gcc"), Mark.RIGHT),
    (LIBPQ, "add_system_package", ("gcc", "libpq_dev", "make"), Mark.RIGHT),
    (LIBPQ, "replace_python_package", ("psycopg2", "psycopg2-binary"), Mark.RIGHT),
    (LIBPQ, "add_system_package", ("libpq-dev",), Mark.PARTIAL),
    (LIBPQ, "add_system_package", ("libpq-dev", "make"), Mark.PARTIAL),
    (LIBPQ, "add_python_package", ("gcc",), Mark.PARTIAL),
    (LIBPQ, "add_system_package", ("libpq-dev", "curl"), Mark.WRONG),
    (LIBPQ, "add_system_package", ("curl",), Mark.WRONG),
    (LIBPQ, "add_system_package", (), Mark.WRONG),
    (LIBPQ, "decline", (), Mark.DECLINED),
    (LOCK, "change_lockfile", (), Mark.RIGHT),
    (LOCK, "change_lockfile", ("go.sum",), Mark.WRONG),
    (NO, "decline", (), Mark.RIGHT),
    (NO, "add_python_package", ("requests",), Mark.WRONG),
    (EITHER, "decline", (), Mark.RIGHT),
    (EITHER, "add_python_package", ("x",), Mark.RIGHT),
    (EITHER, "add_python_package", ("y",), Mark.WRONG),
    (PIN, "change_python_version_pin", ("Marshmallow>=3,<4",), Mark.RIGHT),
]


@pytest.mark.parametrize(("expected", "kind", "names", "mark"), TABLE)
def test_the_mark_of_an_answer(expected: Expected, kind: str, names: tuple[str, ...], mark: Mark) -> None:
    """More than was asked for is right, less is partial, anything else is wrong."""
    decision = "decline" if kind == "decline" else "fix"
    assert judge(Said(decision, kind, names), expected) is mark


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Flask_SQLAlchemy==3.0", "flask-sqlalchemy"),
        ("psycopg[binary]>=3", "psycopg[binary]"),
        ("@types/express@^4", "@types/express"),
        ("ubuntu:18.04", "ubuntu:18-04"),
        ("npm install", "npm install"),
        ("a ~= 1.2", "a"),
    ],
)
def test_names_without_version_and_spelling(written: str, name: str) -> None:
    """Scopes, extras, references and commands stay."""
    assert bare([written]) == {name}


def outcome(expected: Expected, mark: Mark) -> Outcome:
    """An outcome with this mark."""
    case = Case(
        id=f"{expected.kind}-{mark}", source_url=None, log_origin="made up", ecosystem="python", phase="run",
        log="", expected=expected,
    )  # fmt: skip
    return Outcome(case, Said("fix", "add_python_package", ("x",)), mark, "a.rule", "because", 0.1)


def test_the_report_counts_and_names_every_miss() -> None:
    """Shares of the claimed, wrong fixes of those to be declined, and the worst misses first."""
    score = Score((outcome(PIN, Mark.RIGHT), outcome(PIN, Mark.DECLINED), outcome(NO, Mark.WRONG)))
    assert score.right_of_claimed == 0.5
    assert [o.case.id for o in score.wrong_on_declined] == ["decline-wrong"]
    assert [o.mark for o in score.misses()] == [Mark.WRONG, Mark.DECLINED]
    report = score.report()
    for words in ("1 of 2 right (50.0%)", "1 of 1 answered with a change", "decline-wrong: said", "a.rule"):
        assert words in report
    assert len(score.document()) == 3
