"""Words that a pattern needs: quick to look for, and never wrong about a line that the pattern matches."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.diagnosis.languages import go, java, php, ruby, rust
from activities.diagnosis.languages.line_rules import Rule
from activities.diagnosis.languages.literals import needed_words
from tests.repair.cases import OWN, load

TABLES = (go._RULES, java._RULES, php._RULES, ruby._RULES, rust._RULES)
RULES: list[Rule] = [rule for table in TABLES for rule in table]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        (r"not found", ("not found",)),
        (r"hello (?:a|b)|world", ("hello ", "world")),
        (r"abcd?e{1,200}fgh", ("abc",)),
        (r"[|abc]word\.x", ("word.x",)),
        (r"\bpackage \S+ is not", ("package ",)),
        (r"(\w+)", ()),
        (r"abc|\d+", ()),
    ],
)
def test_one_word_for_each_alternative(pattern: str, words: tuple[str, ...]) -> None:
    """The longest outside groups, without what a quantifier makes optional."""
    assert needed_words(pattern) == words


def test_no_message_of_the_corpus_is_overlooked() -> None:
    """Every line that a rule's pattern matches is one that the rule sees."""
    lines = {line for case in load(OWN) for line in case.log.split("\n")}
    overlooked = [
        (rule.pattern.pattern, line)
        for rule in RULES
        for line in lines
        if rule.pattern.search(line) and not rule.search(line)
    ]
    assert overlooked == []


def test_hardly_a_pattern_is_tried_without_a_word() -> None:
    """Or long logs would take long."""
    assert sum(not rule.words for rule in RULES) <= len(RULES) / 50


@given(st.data())
def test_whatever_a_pattern_matches_holds_a_word(data: st.DataObject) -> None:
    """Texts made from the rules' own patterns."""
    rule = data.draw(st.sampled_from(RULES))
    text = data.draw(st.from_regex(rule.pattern))
    found = re.search(rule.pattern, text)
    assert found is None or not rule.words or any(word in text for word in rule.words)
