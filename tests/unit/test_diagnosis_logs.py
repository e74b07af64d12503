"""Logs: prefixes off, numbers kept, tracebacks read as Python wrote them."""

from __future__ import annotations

import textwrap
import traceback

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.diagnosis.log_lines import read_log
from activities.diagnosis.python.tracebacks import chains

PREFIXED = [
    (
        "api-1  | ModuleNotFoundError: No module named 'x'",
        "ModuleNotFoundError: No module named 'x'",
        "api-1",
    ),
    ("#12 3.456 error: boom", "error: boom", "#12"),
    ("#7 ERROR: process failed", "ERROR: process failed", "#7"),
    ("2026-01-02T03:04:05.678901234Z hello", "hello", ""),
    ("\x1b[91mred\x1b[0m", "red", ""),
    ("   5 | >>> RUN pip install x", "   5 | >>> RUN pip install x", ""),
    ("windows\r", "windows", ""),
    ("2026-01-02T03:04:05.6789012Z #12 3.456 error: boom", "error: boom", "#12"),
    ("2026-01-02T03:04:05.678Z stderr F   File x", "  File x", ""),
    ("2026-01-02T03:04:05.678901+00:00 app[web.1]:     import x", "    import x", ""),
    ("2026-01-02T22:57:45+01:00 docker web[22644]: boom", "boom", ""),
    ("Jan  2 03:04:05 host dockerd/web[77]:   File x", "  File x", ""),
    ("[2026-01-02T03:04:05.678Z] npm ERR! code E404", "npm ERR! code E404", ""),
    ("03:04:05 Step 1/2 : FROM scratch", "Step 1/2 : FROM scratch", ""),
    ("web_1  | 2026-01-02T03:04:05.678901234Z   File x", "  File x", "web_1"),
    ('{"log":"  File \\"x\\", line 1\\n","stream":"stderr","time":"t"}', '  File "x", line 1', ""),
    ('{"log":"cut', '{"log":"cut', ""),
    ('{"log":17}', '{"log":17}', ""),
    ("[2026-01-02 03:04:05 +0000] [7] [ERROR] x", "[2026-01-02 03:04:05 +0000] [7] [ERROR] x", ""),
    ("03:04 is a time", "03:04 is a time", ""),
]


@pytest.mark.parametrize(("raw", "plain", "stream"), PREFIXED)
def test_prefixes_come_off(raw: str, plain: str, stream: str) -> None:
    """Compose, BuildKit, Docker's own times and file, colours, log shippers, build servers."""
    line = read_log(raw).lines[0]
    assert (line.plain, line.stream) == (plain, stream)


@settings(deadline=None)  # the machine is shared
@given(st.text(max_size=300))
def test_numbers_and_texts_are_those_of_the_source(text: str) -> None:
    """Whatever the text: line n of the log is line n of the source, as an editor counts."""
    source = text.split("\n")
    for line in read_log(text).lines:
        assert line.text == source[line.number - 1].rstrip("\r")


BUILDKIT = """\
#8 [builder 3/5] RUN pip install -r requirements.txt
#9 [runtime 2/4] RUN python check.py
#9 0.101 Traceback (most recent call last):
#8 1.200 Collecting flask
#9 0.102   File "/check.py", line 1, in <module>
#8 1.300 ERROR: something else
#9 0.102     import yaml
#9 0.103 ModuleNotFoundError: No module named 'yaml'
#9 ERROR: process "/bin/sh -c python check.py" did not complete successfully: exit code: 1
#8 CANCELED
------
 > [runtime 2/4] RUN python check.py:
0.103 ModuleNotFoundError: No module named 'yaml'
------
"""


def test_parallel_build_steps_are_told_apart() -> None:
    """Only the failed step counts, though its lines are mixed with another's."""
    log = read_log(BUILDKIT)
    streams = log.streams()
    assert "#8" not in streams
    (chain,) = chains(streams["#9"])
    assert (chain.final.type, chain.final.log.number, chain.final.frames[0].code) == (
        "ModuleNotFoundError",
        8,
        "import yaml",
    )


def _printed(code: str) -> str:
    """What Python itself prints when `code` fails."""
    try:
        exec(compile(textwrap.dedent(code), "/app/main.py", "exec"), {})  # noqa: S102 - own snippets
    except BaseException:  # noqa: BLE001
        return traceback.format_exc()
    raise AssertionError("the snippet did not fail")


def test_real_tracebacks_are_read() -> None:
    """A plain one, one raised from another, one raised while another was handled."""
    plain = _printed("import nowhere_to_be_found")
    caused = _printed(
        """
        try:
            import nowhere_to_be_found
        except ImportError as error:
            raise RuntimeError('install it') from error
        """
    )
    handled = _printed(
        """
        try:
            import nowhere_to_be_found
        except ImportError:
            {}['REDIS_URL']
        """
    )
    links = []
    for text in (plain, caused, handled):
        (chain,) = chains(read_log(text).lines)
        links.append([(raised.name, raised.link) for raised in chain.raised])
        assert chain.final.frames[-1].file == "/app/main.py"
        assert next(raised.name for raised in chain.roots()) == chain.final.name
    assert links == [
        [("ModuleNotFoundError", "")],
        [("ModuleNotFoundError", ""), ("RuntimeError", "cause")],
        [("ModuleNotFoundError", ""), ("KeyError", "context")],
    ]


@pytest.mark.parametrize(
    "prefix",
    [
        "2026-01-02T03:04:05.678901Z ",
        "Jan  2 03:04:05 host web[1]: ",
        "2026-01-02T03:04:05.678Z stderr F ",
        "03:04:05 ",
        "web_1  | ",
    ],
)
def test_a_traceback_is_read_behind_any_prefix(prefix: str) -> None:
    """Frames and code lines keep their indentation."""
    told = (
        "Traceback (most recent call last):",
        '  File "/app/a.py", line 1, in f',
        "    import x",
        "KeyError: 1",
    )
    lines = [f"{prefix}{line}" for line in told]
    found = [chain for stream in read_log("\n".join(lines)).streams().values() for chain in chains(stream)]
    assert found[0].final.frames[0].code == "import x"


def test_a_failed_step_is_known_behind_a_time() -> None:
    """Other steps say nothing of the cause."""
    text = "2026-01-02T03:04:05.6789012Z #8 1.0 fine\n2026-01-02T03:04:05.6789012Z #9 ERROR: process failed\n"
    assert read_log(text).failed == {"#9"}


def test_a_syntax_error_needs_no_header() -> None:
    """`python broken.py` prints no Traceback line."""
    text = '  File "/app/broken.py", line 3\n    def f(:\n          ^\nSyntaxError: invalid syntax\n'
    (chain,) = chains(read_log(text).lines)
    assert chain.final.name == "SyntaxError"


def test_a_prefixed_header_does_not_hide_the_traceback() -> None:
    """Loggers put their own words before `Traceback`."""
    text = (
        '[E] Traceback (most recent call last):\n  File "/a.py", line 1, in <module>\n    x()\nKeyError: 1\n'
    )
    (chain,) = chains(read_log(text).lines)
    assert (chain.final.name, chain.lines) == ("KeyError", frozenset({1, 2, 3, 4}))


@settings(deadline=None)  # the machine is shared
@given(
    st.lists(
        st.sampled_from([*BUILDKIT.split("\n"), "Traceback (most recent call last):", "E: 1", "  x", ""])
    )
)
def test_any_mixture_of_lines_is_read(lines: list[str]) -> None:
    """Cut and shuffled logs never raise, and every chain has an exception."""
    log = read_log("\n".join(lines))
    for stream in log.streams().values():
        assert all(chain.raised for chain in chains(stream))
