"""The error catalogue: every code that is raised is in it, with every fact its sentences need."""

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from workflows.errors import CATALOGUE, OrchestratorError
from workflows.models.status import StepName

ROOT = Path(__file__).parents[2]
PACKAGES = ("workflows", "activities", "worker", "starter")
_PASSED_ON = {"artifacts", "warnings"}


def raised() -> Iterator[tuple[str, str, set[str]]]:
    """(place, code, facts given) of every ``OrchestratorError("code", ...)`` in the code."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if not isinstance(node, ast.Call) or getattr(node.func, "id", "") != "OrchestratorError":
                    continue
                place = f"{path.relative_to(ROOT)}:{node.lineno}"
                facts = {keyword.arg or "**" for keyword in node.keywords} - _PASSED_ON
                for code in literals(node.args[0]) if node.args else ():
                    yield place, code, facts


def literals(node: ast.expr) -> list[str]:
    """The string, or both strings of a conditional; nothing for a variable."""
    if isinstance(node, ast.IfExp):
        return literals(node.body) + literals(node.orelse)
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def facts_of(code: str) -> set[str]:
    """The facts a row's cause and remedy name."""
    entry = CATALOGUE[code]
    fields = [f for text in (entry.cause, entry.remedy) for _, f, _, _ in string.Formatter().parse(text)]
    return {field for field in fields if field}


RAISED = list(raised())


def test_the_scan_finds_the_raise_sites() -> None:
    """The tests below are not empty."""
    assert len({code for _, code, _ in RAISED}) > 30


@pytest.mark.parametrize(("place", "code", "facts"), RAISED, ids=[f"{p}-{c}" for p, c, _ in RAISED])
def test_every_raised_error_is_in_the_catalogue_with_its_facts(
    place: str, code: str, facts: set[str]
) -> None:
    """An unknown code would be a KeyError at 3 a.m., a missing fact a question mark."""
    assert code in CATALOGUE, place
    if "**" not in facts:
        assert facts_of(code) <= facts, place


def test_every_row_has_cause_and_remedy() -> None:
    """A row is for operators: what happened, what to do."""
    assert [c for c, e in CATALOGUE.items() if c != e.code or not e.cause or not e.remedy] == []


def test_a_missing_fact_never_raises() -> None:
    """The message says ``?`` instead of hiding the error behind another one."""
    error = OrchestratorError("unknown_service")
    assert "?" in error.message
    assert error.failure(StepName.PREFLIGHT).code == "unknown_service"


def test_an_unknown_code_is_a_programming_error() -> None:
    """It does not pass silently."""
    with pytest.raises(KeyError):
        OrchestratorError("no_such_code")
