"""Words, numbers and untrusted text."""

import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from starter.rendering.text import (
    clean,
    exact_but_safe,
    log_lines,
    one_line,
    short_hash,
    when,
)
from workflows.quantities import seconds, size


@given(st.text())
def test_clean_text_has_no_control_characters(text: str) -> None:
    """Whatever comes in, only newline and tab are left of the control characters."""
    for kind in (clean(text), log_lines(text), one_line(text)):
        assert not {c for c in kind if unicodedata.category(c) in {"Cc", "Cs"}} - {"\n", "\t"}
    assert "\n" not in one_line(text)


@given(st.text(alphabet=st.characters(exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp"))))
def test_harmless_text_stays_as_it_is(text: str) -> None:
    """Text without control characters comes out unchanged."""
    assert clean(text) == text
    assert exact_but_safe(text) == text


@given(st.text(alphabet="abc\n\r\t\f\x1b\x07\u202e"))
def test_a_piped_diff_keeps_its_line_ends(text: str) -> None:
    """A pipe gets every line end and form feed, and nothing a terminal would obey."""
    safe = exact_but_safe(text)
    assert re.sub(r"\\x1b|\\x07|\\u202e", "", safe) == re.sub("[\x1b\x07\u202e]", "", text)
    assert not set("\x1b\x07\u202e") & set(safe)


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07x", "\\x1b]0;title\\x07x"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\r\nb", "a\nb"),
        ("50%\r100%", "50%\\x0d100%"),
        ("safe\u202eetirw", "safe\\u202eetirw"),
        ("\x9b31m", "\\x9b31m"),
    ],
)
def test_what_a_terminal_would_obey_is_shown(given_text: str, shown: str) -> None:
    """Colours go; every other order becomes visible text."""
    assert clean(given_text) == shown


def test_a_log_shows_what_a_carriage_return_would_overwrite() -> None:
    """Progress bars of pip and docker become lines."""
    assert log_lines("10%\r20%\r\ndone") == "10%\n20%\ndone"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.04, "0.0 s"),
        (9.96, "10.0 s"),
        (10, "10 s"),
        (89.6, "90 s"),
        (90, "1 min 30 s"),
        (3599.6, "1 h 00 min"),
        (7_260, "2 h 01 min"),
    ],
)
def test_durations(value: float, said: str) -> None:
    """Seconds as people say them."""
    assert seconds(value) == said


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (5 * 1024**3, "5.0 GiB")]
)
def test_sizes(count: int, said: str) -> None:
    """Bytes with the unit that fits."""
    assert size(count) == said


def test_times_are_utc() -> None:
    """A time from any zone is shown in UTC."""
    there = datetime(2026, 3, 1, 14, 0, 5, tzinfo=timezone(timedelta(hours=2)))
    assert when(there) == "2026-03-01 12:00:05Z"
    assert when(datetime(2026, 3, 1, tzinfo=UTC)) == "2026-03-01 00:00:00Z"
    assert when(None) == "-"


def test_hashes_are_short_and_absence_has_a_word() -> None:
    """Enough of a hash to compare by eye."""
    assert short_hash("sha256:" + "ab" * 32) == "abababababab"
    assert short_hash(None) == "absent"


def test_a_cut_line_says_so() -> None:
    """An ellipsis stands for what was cut."""
    assert one_line("word " * 50, 10) == "word word…"
