"""Recorded logs of real failures, and the diagnosis each must keep."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from activities.diagnosis.diagnose import Diagnosis, diagnose
from activities.diagnosis.evidence import Evidence, Phase, SourceText

GOLDEN = Path(__file__).parent.parent / "golden" / "diagnosis"
CASES = sorted(GOLDEN.glob("*.json"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_diagnosis_is_the_recorded_one(path: Path) -> None:
    """Decision, rule, names, quotes and words; every quote is the very line it claims to be."""
    case = json.loads(path.read_text(encoding="utf-8"))
    source = SourceText("log", case["log"], Phase(case["phase"]))
    result = diagnose(Evidence(service="api", sources=(source,), base_image=case["base_image"]))
    assert result == Diagnosis.model_validate(case["expected"])
    quotes = [quote for finding in result.findings for quote in finding.quotes]
    assert quotes
    for quote in quotes:
        assert case["log"].split("\n")[quote.line - 1] == quote.text


def test_there_are_recorded_cases() -> None:
    """An empty directory would make the test above pass for nothing."""
    assert len(CASES) >= 18
