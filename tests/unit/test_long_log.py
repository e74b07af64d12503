"""A log of any length: the end decides, line numbers are the file's, and no window misses a message."""

import io

import pytest

from activities.diagnosis import long_log
from activities.diagnosis.answers import Decision, Diagnosis
from activities.diagnosis.evidence import Evidence, Phase
from activities.diagnosis.log_lines import MAX_LINES
from activities.diagnosis.long_log import WINDOW_BYTES, LongLog

CRASH = (
    "Traceback (most recent call last):\n"
    '  File "/app/app.py", line 1, in <module>\n'
    "    import yaml\n"
    "ModuleNotFoundError: No module named 'yaml'\n"
)
QUIET = "10.0.0.1 GET /things 200 in 12 ms\n"


def answer(text: str, phase: Phase | None = None) -> Diagnosis:
    """What the rules make of this text."""
    return LongLog(io.BytesIO(text.encode()), "log").diagnose(Evidence(), phase)[0]


def quoted(diagnosis: Diagnosis) -> int:
    """The line number of the first quote."""
    return diagnosis.findings[0].quotes[0].line


@pytest.mark.parametrize("before", [0, 1, MAX_LINES - 3, MAX_LINES - 1, 70_000, 200_000])
def test_a_cause_at_the_end_is_quoted_with_its_line_in_the_file(before: int) -> None:
    """However much came before it."""
    found = answer(QUIET * before + CRASH)
    assert found.decision is Decision.FIX
    assert quoted(found) == before + 4


@pytest.mark.parametrize("after", [1, MAX_LINES - 2, MAX_LINES + 5, 61_680, 61_681, 61_682, 150_000])
def test_a_cause_long_before_the_end_is_found(after: int) -> None:
    """The parts before the end are asked where the end shows nothing; a traceback is never cut in two."""
    found = answer(QUIET * 1000 + CRASH + QUIET * after)
    assert found.decision is Decision.FIX
    assert quoted(found) == 1004


@pytest.mark.parametrize("more", [0, 1, 70, 150, len(CRASH)])
def test_the_end_is_never_a_fragment(more: int) -> None:
    """Also where the size is a multiple of the window, or little more: frames are seen with the error."""
    size = 2 * WINDOW_BYTES + more - len(CRASH)
    padding = QUIET * (size // len(QUIET)) + "x" * (size % len(QUIET) - 1) + "\n"
    found = answer(padding + CRASH)
    assert len((padding + CRASH).encode()) == 2 * WINDOW_BYTES + more
    assert len(found.findings[0].quotes) == 2


def test_a_message_on_the_border_of_two_windows_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the border falls in it."""
    window = 32 * 1024
    monkeypatch.setattr(long_log, "WINDOW_BYTES", window)
    for shift in range(0, len(CRASH), 5):
        after = window - shift
        padding = QUIET * (after // len(QUIET)) + "x" * (after % len(QUIET) - 1) + "\n"
        found = answer(QUIET * 2000 + CRASH + padding)
        assert found.decision is Decision.FIX, shift
        assert quoted(found) == 2004, shift


def test_the_later_cause_wins() -> None:
    """What was cured long ago is not found again."""
    later = CRASH.replace("yaml", "requests")
    found = answer(CRASH + QUIET * 100_000 + later + QUIET * 100)
    assert found.findings[0].names == ("requests",)


def test_a_buildkit_log_is_judged_by_its_end_alone() -> None:
    """The failed step is named there; what other steps said long before is no cause."""
    noise = "".join(f"#7 {n % 60}.1 copying file {n}\n" for n in range(MAX_LINES))
    text = CRASH + noise + "#8 0.3 something odd\n#8 ERROR: process did not complete successfully\n"
    assert answer(text).decision is Decision.DECLINE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "\n" * 100_000,
        "x" * (5 * 1024 * 1024),
        "no newline at the end",
        "\r\n" * 10,
        "\x00\x01\x02",
        ("y" * 3_000_000 + "\n") * 3,
    ],
    ids=["empty", "newline", "newlines", "endless", "open", "crlf", "binary", "long-lines"],
)
def test_any_text_is_answered(text: str) -> None:
    """Nothing to find is an answer: declined."""
    assert answer(text).decision is Decision.DECLINE


def test_what_is_no_utf_8_is_replaced() -> None:
    """A log is bytes; one bad byte must not hide the cause."""
    stream = io.BytesIO(b"caf\xe9 \xff\n" + CRASH.encode())
    found, seen = LongLog(stream, "log").diagnose(Evidence())
    assert quoted(found) == 5
    assert seen.sources[0].phase is Phase.RUN


def test_a_log_of_nothing_but_errors_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Older parts are asked a few times only: noise that sounds like errors must not cost minutes."""
    asked: list[int] = []
    original = long_log.diagnose

    def counting(evidence: Evidence) -> Diagnosis:
        asked.append(evidence.sources[0].first_line)
        return original(evidence)

    monkeypatch.setattr(long_log, "diagnose", counting)
    answer("2026 ERROR upstream could not serve request 17\n" * 600_000)
    assert len(asked) <= 20
    assert asked == sorted(asked, reverse=True)
