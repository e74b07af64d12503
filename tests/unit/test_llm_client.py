"""The client against a real server on this machine: what it sends, what it accepts, what it never follows."""

import ssl
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from activities.adapters.llm import LlmClient, LlmFailed
from activities.adapters.llm_budget import LlmBudget
from activities.adapters.state_dir import StateDir
from tests.unit.llm_server import (
    Answer,
    never_ends,
    refuses_schemas,
    says,
    serving,
    status,
    trickles,
)

SCHEMA = {"type": "object"}
DAY = datetime(2026, 1, 1, 12, tzinfo=UTC)


async def ask(url: str, timeout_seconds: float = 5.0, key: str = "sk-test") -> str:
    """The text of one answer."""
    client = LlmClient(url, "tiny", key, timeout_seconds=timeout_seconds, max_tokens=300)
    return (await client.ask("task", "evidence", SCHEMA)).text


async def test_a_question_is_asked_as_the_protocol_says() -> None:
    """Model, messages, bound, schema, key in the header; tokens and time come back."""
    with serving(says("hello")) as fake:
        client = LlmClient(f"{fake.url}/", "tiny", "sk-test", timeout_seconds=5, max_tokens=300)
        answer = await client.ask("task", "evidence", SCHEMA)
    assert fake.paths == ["/v1/chat/completions"]
    sent = fake.asked[0]
    assert [(m["role"], m["content"]) for m in sent["messages"]] == [("system", "task"), ("user", "evidence")]
    assert (sent["model"], sent["max_tokens"], sent["temperature"]) == ("tiny", 300, 0)
    assert sent["response_format"]["json_schema"]["schema"] == SCHEMA
    assert "tools" not in sent
    assert fake.headers[0]["authorization"] == "Bearer sk-test"
    assert (answer.text, answer.model) == ("hello", "tiny-1")
    assert (answer.prompt_tokens, answer.completion_tokens) == (812, 96)
    assert answer.seconds > 0


async def test_a_server_without_schemas_is_asked_plainly() -> None:
    """Older servers refuse ``response_format``; one more question goes without."""
    with serving(refuses_schemas(says("hello"))) as fake:
        assert await ask(fake.url) == "hello"
    assert ["response_format" in body for body in fake.asked] == [True, False]


async def test_without_a_key_none_is_sent() -> None:
    """Local servers need none."""
    with serving(says("hello")) as fake:
        await ask(fake.url, key="")
    assert "authorization" not in fake.headers[0]


def packed(handler: object, _: object) -> None:
    """An answer that would unpack to anything."""
    handler.give(200, b"\x1f\x8b", Content_Encoding="gzip")  # type: ignore[attr-defined]


BAD = [
    (status(401), "status 401"),
    (status(429), "status 429"),
    (status(500), "status 500"),
    (status(400), "status 400"),
    (status(302, Location="http://127.0.0.1:1/elsewhere"), "redirects are not followed"),
    (status(307, Location="http://127.0.0.1:1/elsewhere"), "redirects are not followed"),
    (says(None), "empty"),
    (says(""), "empty"),
    (says(None, tool_calls=[{"type": "function", "function": {"name": "sh"}}]), "asks for a tool"),
    (says('{"decision"', finish="length"), "cut off"),
    (lambda handler, _: handler.give(200, b"not json"), "not what this protocol says"),
    (lambda handler, _: handler.give(200, b"[]"), "not what this protocol says"),
    (lambda handler, _: handler.give(200, b'{"choices": []}'), "empty"),
    (lambda handler, _: handler.give(200, b'{"choices": [{"message": 3}]}'), "not what this protocol says"),
    (lambda handler, _: handler.give(200, b"\xff\xfe"), "not what this protocol says"),
    (lambda handler, _: handler.connection.close(), "cannot be reached"),
    (packed, "packed"),
    (never_ends, "longer than"),
]


@pytest.mark.parametrize(("answer", "why"), BAD)
async def test_a_bad_answer_is_said_to_be_one(answer: Answer, why: str) -> None:
    """Never an exception of another kind, never the server's own words, never the key."""
    with serving(answer) as fake, pytest.raises(LlmFailed, match=why) as caught:
        await ask(fake.url)
    assert "sk-" not in str(caught.value)
    assert len(fake.asked) <= 2


@pytest.mark.parametrize("slow", [trickles, lambda *_: time.sleep(1.5)])
async def test_a_slow_answer_ends_at_the_limit(slow: Answer) -> None:
    """One limit for everything: a byte now and then does not keep it alive."""
    began = time.monotonic()
    with serving(slow) as fake:
        with pytest.raises(LlmFailed, match="no answer within"):
            await ask(fake.url, timeout_seconds=0.4)
        assert time.monotonic() - began < 1.2


async def test_nobody_listens() -> None:
    """A server that is down is a reason, not a crash."""
    with pytest.raises(LlmFailed, match="cannot be reached"):
        await ask("http://127.0.0.1:9/v1")


async def test_no_proxy_of_the_environment_comes_between(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evidence goes where the setting says, and nowhere else."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with serving(says("hello")) as fake:
        assert await ask(fake.url) == "hello"


def test_certificates_are_verified() -> None:
    """TLS without a known certificate is no TLS."""
    context = LlmClient("https://example.org/v1", "tiny")._http()._transport._pool._ssl_context  # type: ignore[attr-defined]
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


async def test_a_server_with_a_certificate_of_its_own_is_not_asked(tmp_path: Path) -> None:
    """Not a byte of evidence reaches it."""
    with serving(says("hello"), tls=self_signed(tmp_path)) as fake:
        with pytest.raises(LlmFailed, match="cannot be reached"):
            await ask(fake.url)
        assert fake.asked == []


def self_signed(folder: Path) -> Path:
    """A file with a new key and its own certificate for this machine."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "server.pem"
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path


def test_the_key_is_in_no_text_about_the_client() -> None:
    """Neither logs nor tracebacks with values show it (I5)."""
    assert "sk-secret" not in repr(LlmClient("http://x/v1", "tiny", "sk-secret"))


def test_the_budget_counts_runs_and_days(tmp_path: Path) -> None:
    """Another run may ask when one has asked enough; tomorrow is another day; workers share the count."""
    state = StateDir(tmp_path / "state")
    budget = LlmBudget(state, per_run=2, per_day=3)
    assert [budget.take("run-a", DAY) for _ in range(2)] == ["", ""]
    assert "this run has asked 2 times" in LlmBudget(state, 2, 3).take("run-a", DAY)
    assert budget.take("run-b", DAY) == ""
    assert "3 times today" in budget.take("run-c", DAY)
    assert budget.take("run-d", DAY.replace(day=2)) == ""


def test_a_count_that_cannot_be_kept_is_no_free_pass(tmp_path: Path) -> None:
    """Without a count nobody is asked."""
    state = StateDir(tmp_path / "state")
    (state.root / "llm-calls").rmdir()
    assert "cannot be counted" in LlmBudget(state).take("run-a", DAY)
