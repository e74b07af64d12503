"""No secret leaves (I5): known values, secret-looking text, and streams cut anywhere."""

import base64
import json
import time
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.adapters.redaction import Redactor
from activities.adapters.secret_patterns import MASK, is_secret_name
from activities.adapters.secret_sources import secrets_in

CANARY = "C4n4ry/with+odd=chars"
PRIVATE_KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIB\nAAKCAQEA\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("https://user:pa55@host/x", "https://[masked]@host/x"),
        ("git+https://sometoken@github.example/r", "git+https://[masked]@github.example/r"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: [masked]"),
        ("curl -H 'X-Api-Token: 12345'", "curl -H 'X-Api-Token: [masked]'"),
        ("sent bearer abcdefgh12345678 along", "sent bearer [masked] along"),
        ("t eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig x", "t [masked] x"),
        ("id AKIAIOSFODNN7EXAMPLE", "id [masked]"),
        ("ghp_abcdefghijklmnop1234 xoxb-1234567890-abc", "[masked] [masked]"),
        ("POSTGRES_PASSWORD=hunter2 next", "POSTGRES_PASSWORD=[masked] next"),
        ("export API_KEY='a b c'", "export API_KEY='[masked]'"),
        ('{"client_secret": "x y", "id": 3}', '{"client_secret": "[masked]", "id": 3}'),
        ("DB_PASSWORD: hunter2", "DB_PASSWORD: [masked]"),
        ("error: password=hunter2 is wrong", "error: password=[masked] is wrong"),
        ("token: ab12cd34ef", "token: [masked]"),
        ("login --password hunter2 --user x", "login --password [masked] --user x"),
        (f"key:\n{PRIVATE_KEY}\nrest", "key:\n[masked]\nrest"),
    ],
)
def test_secret_looking_text_is_masked(text: str, masked: str):
    """Nobody told us these values; their shape or name gives them away."""
    assert Redactor().text(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "tokenizers==0.15",
        "oauth-token>=1.2",
        '"jsonwebtoken": "^9.0.0"',
        "KeyError: 'SECRET_KEY'",
        "ModuleNotFoundError: No module named 'tokenize_rt'",
        "AuthError: not allowed",
        "jsonwebtoken: not found",
        "token: unexpected end",
        "POSTGRES_PASSWORD_FILE=/run/secrets/db",
        "max_tokens=4096",
        "user@example.com https://example.com/@scope/pkg",
        "PWD=/app",
        "basic functionality is missing",
        "#8 [2/4] RUN pip install -r requirements.txt",
    ],
)
def test_evidence_stays_readable(text: str):
    """What a diagnosis rests on is not masked away."""
    assert Redactor().text(text) == text


@pytest.mark.parametrize(
    "written",
    [
        CANARY,
        quote(CANARY, safe=""),
        json.dumps({"x": CANARY}),
        base64.b64encode(CANARY.encode()).decode(),
        f"a{CANARY}b",
        f"postgres://app:{CANARY}@db/x",
    ],
)
def test_known_values_are_masked_in_every_form(written: str):
    """As they are, URL-encoded, JSON-escaped, in base64, inside other words."""
    masked = Redactor([CANARY]).text(written)
    assert MASK in masked
    assert CANARY not in masked


def test_short_values_and_plain_words_are_masked_only_alone():
    """``test`` as a password must not turn ``pytest`` into noise."""
    redactor = Redactor(["test", "postgres", "ab", "true"])
    assert redactor.text("pytest, test; postgresql, postgres. ab true") == (
        "pytest, [masked]; postgresql, [masked]. ab true"
    )


def test_each_line_of_a_long_secret_is_masked():
    """A certificate in a variable is printed line by line."""
    assert Redactor(["first-part-xyz\nsecond-part-xyz"]).text("second-part-xyz") == MASK


def test_secrets_are_found_in_an_environment():
    """By the variable's name, and inside URLs whatever the name."""
    environment = {
        "DB_PASSWORD": "hunter2",
        "CELERY_BROKER": "amqp://bob:s%40lt@mq//",
        "SECRET_KEY_FILE": "/run/secrets/x",
        "API_TOKEN": "",
        "HOME": "/root",
    }
    assert secrets_in(environment) == {"hunter2", "s%40lt", "s@lt"}


@pytest.mark.parametrize(
    "name",
    ["DB_PASSWORD", "apiKey", "X-Auth-Token", "MYSQL_PWD", "dbpassword", "SENTRY_DSN", "SECRET_ACCESS_KEY"],
)  # fmt: skip
def test_secret_names(name: str):
    """Names that hold secrets."""
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name", ["PWD", "KEYBOARD", "TOKEN_URL", "AUTHOR", "MONKEY", "AUTH_TYPE", "SECRET_KEY_FILE", ""]
)
def test_harmless_names(name: str):
    """Names that do not."""
    assert not is_secret_name(name)


@given(st.text())
def test_masking_twice_changes_nothing(text: str):
    """An artifact may pass through several writers."""
    redactor = Redactor([CANARY])
    once = redactor.text(text)
    assert redactor.text(once) == once


lines = st.lists(
    st.sampled_from(
        [
            CANARY, CANARY[:9], PRIVATE_KEY, "\n", "\r\n", " ", "x", "é", "line",
            "DB_PASSWORD=", "https://a:b@c", "Bearer ",
        ]
    ),
    max_size=30,
).map("".join)  # fmt: skip


def streamed(redactor: Redactor, data: bytes, cuts: list[int]) -> bytes:
    """Feed data in pieces cut at these places."""
    stream, out, places = redactor.stream(), b"", sorted({cut % (len(data) + 1) for cut in cuts})
    for start, end in zip([0, *places], [*places, len(data)], strict=True):
        out += stream.feed(data[start:end])
    return out + stream.finish()


@settings(max_examples=300)
@given(lines, st.lists(st.integers(0, 10_000), max_size=20))
def test_no_cut_lets_a_secret_through(text: str, cuts: list[int]):
    """Whatever the borders of the chunks: no canary, no key material comes out."""
    out = streamed(Redactor([CANARY]), text.encode(), cuts).decode()
    assert CANARY not in out
    assert "MIIEpAIB" not in out
    assert "AAKCAQEA" not in out


@settings(max_examples=300)
@given(lines.filter(lambda text: "PRIVATE" not in text), st.lists(st.integers(0, 10_000), max_size=20))
def test_a_stream_is_masked_like_the_whole(text: str, cuts: list[int]):
    """The same bytes come out, however they arrived."""
    redactor = Redactor([CANARY])
    assert streamed(redactor, text.encode(), cuts).decode() == redactor.text(text)


@given(st.binary(max_size=200), st.lists(st.integers(0, 300), max_size=5))
def test_bytes_that_are_no_text_survive(data: bytes, cuts: list[int]):
    """A log in another encoding is kept byte for byte where nothing is masked."""
    plain = data.replace(b":", b".").replace(b"=", b".").replace(b"-", b".")
    assert streamed(Redactor(), plain, cuts) == plain


@pytest.mark.parametrize("offset", range(0, 60, 7))
def test_an_endless_line_is_cut_between_secrets(offset: int):
    """A progress bar without line ends: memory is bounded, secrets at the cut are still whole."""
    redactor, piece = Redactor([CANARY]), ("." * (40 + offset) + CANARY).encode()
    stream, out = redactor.stream(), b""
    for _ in range(3000):
        out += stream.feed(piece)
        assert len(stream._held) < 128 * 1024
    assert len(out) > 64 * 1024
    out += stream.finish()
    assert CANARY.encode() not in out
    assert out.count(MASK.encode()) == 3000


def test_a_secret_without_end_is_dropped():
    """Longer than all that is ever held back: nothing of it comes out, what follows does."""
    stream, out = Redactor().stream(), b""
    out += stream.feed(b"DB_PASSWORD=")
    for _ in range(500):
        out += stream.feed(b"0123456789" * 50)
    out += stream.feed(b" and more\n") + stream.finish()
    assert out == b"DB_PASSWORD=[masked] and more\n"


@pytest.mark.parametrize(
    "piece",
    [
        "a:", "a=", "a-", "A", "x://", "x-", "bearer ", "eyJa-", "sk-", "--token ", "PASSWORD=",
        "-----BEGIN ", '-a "', "a.b",
    ],
)  # fmt: skip
def test_no_line_takes_for_ever(piece: str):
    """64 KiB of the worst repetition are masked in moments: a log cannot hold the run up."""
    began = time.monotonic()
    Redactor([CANARY]).text(piece * (65_536 // len(piece)))
    assert time.monotonic() - began < 5


names = st.lists(
    st.sampled_from(["pat", "PAT", "Pat", "pAt", "path", "h", "H", "_", "-", ".", "1", "key", "user"]),
    min_size=1, max_size=5,
).map("".join)  # fmt: skip


@settings(max_examples=500)
@given(names)
def test_no_secret_name_is_passed_over(name: str):
    """A line is only looked at where it has a telling word: every name of a secret has one."""
    masked = Redactor().text(f"export {name}=c4n4ry99")
    assert ("c4n4ry99" not in masked) == is_secret_name(name) or not name[0].isalpha()


@given(
    st.lists(st.sampled_from([CANARY, "\x1b[1m", "\x1b", "\x00", "\n", "\r", "x ", PRIVATE_KEY]), max_size=12)
)
def test_control_codes_hide_nothing(parts: list[str]):
    """Wherever they stand: no secret is seen on a terminal, and lines without one keep colours."""
    text = "".join(parts)
    masked = Redactor([CANARY]).text(text)
    seen = masked.replace("\x1b[1m", "").replace("\x1b", "").replace("\x00", "")
    assert CANARY not in seen
    assert "MIIEpAIB" not in seen
    assert masked == text or MASK in masked
