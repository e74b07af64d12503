"""The labelled corpus of this repository: every cause that is claimed is found, no other is touched."""

import re

import pytest

from tests.repair.cases import OWN, Case, load
from tests.repair.diagnosis import Score, measure
from workflows.models.finding import FindingKind

CASES = load(OWN)
RIGHT_OF_CLAIMED = 0.98
MOST_SECONDS = 2.0
"""For one case; generous, because the machine may be busy. What matters is that none takes minutes."""


@pytest.fixture(scope="module")
def score() -> Score:
    """What the rules say to all of them."""
    return measure(CASES)


def test_the_corpus_is_large_enough_to_mean_something() -> None:
    """Every ecosystem, and enough that must be left alone."""
    systems = {case.ecosystem for case in CASES}
    assert len(CASES) >= 300
    assert systems >= {"python", "node", "go", "ruby", "php", "java", "rust", "system"}
    assert sum(case.expected.decision == "decline" for case in CASES) >= len(CASES) / 5


def test_what_is_claimed_is_found(score: Score) -> None:
    """At least that share is right; a miss is printed with what was said instead."""
    assert score.right_of_claimed >= RIGHT_OF_CLAIMED, "\n" + score.report()


def test_what_no_change_cures_is_left_alone(score: Score) -> None:
    """Not a single change."""
    assert score.wrong_on_declined == [], "\n" + score.report()


def test_every_answer_can_be_traced(score: Score) -> None:
    """Rule, reason, and lines quoted word for word with their position."""
    for outcome in score.outcomes:
        assert outcome.rule, outcome.case.id
        assert outcome.reason, outcome.case.id
        assert outcome.untraced == "", (outcome.case.id, outcome.untraced)


def test_no_answer_takes_long(score: Score) -> None:
    """A pattern that goes exponential would show here."""
    slow = {outcome.case.id: outcome.seconds for outcome in score.outcomes if outcome.seconds > MOST_SECONDS}
    assert slow == {}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_case_says_where_it_comes_from(case: Case) -> None:
    """A thread or document one can open, or that it was reproduced; its answer in the contract's words."""
    reproduced = "reproduced" in case.log_origin
    assert reproduced or re.match(r"https://[\w.-]+/\S+$", case.source_url or ""), case.source_url
    assert case.phase in ("build", "run")
    assert case.log.strip()
    for option in case.expected.options():
        assert option.kind in set(FindingKind)
        assert (option.kind == "decline") == (option.names == ()) or option.kind == "change_lockfile"
    assert case.expected.decision == ("decline" if case.expected.kind == "decline" else "fix")
