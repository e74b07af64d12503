"""Canaries of every shape, in every covered form and at every chunking: none leaves (I5)."""

import base64
import html
import json
import re
import shlex
import string
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from activities.adapters.compose_secrets import dotenv_variables, secrets_in_config
from activities.adapters.known_secrets import KnownSecrets
from activities.adapters.redaction import Redactor
from activities.adapters.secret_patterns import MASK, is_secret_name, mask_patterns
from activities.adapters.secret_sources import docker_logins, own_secrets, secrets_in, secrets_in_text
from worker.leaving import PROSE, masked_prose, masking_converter
from workflows.errors import OrchestratorError
from workflows.models.failure import StepFailure
from workflows.models.status import StepName
from workflows.secret_words import mask

ALPHABET = string.ascii_letters + string.digits + "éßж漢 '\"$`\\/+=&<>%#@:;{}[]|~^*?!-_."
CANARY = "c4n4ry-Zq8"
canaries = st.text(ALPHABET, min_size=6, max_size=40).map(
    lambda text: f"{text.strip()}{CANARY}{text[:7].strip()}"
)
"""Something unmistakable inside whatever characters; the whole of it is the secret."""

WORDS = (
    "db", "api", "key", "Token", "PASS", "pw", "dsn", "connection", "string", "url", "secret", "private",
    "webhook", "auth", "x",
)  # fmt: skip

FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "percent": lambda value: quote(value, safe=""),
    "percent, lower": lambda value: re.sub("%..", lambda code: code[0].lower(), quote(value, safe="")),
    "form": quote_plus,
    "json": lambda value: json.dumps({"x": value}),
    "json, no ascii": lambda value: json.dumps([value], ensure_ascii=False),
    "json in json": lambda value: json.dumps(json.dumps({"x": value})),
    "repr": repr,
    "bytes": lambda value: repr(value.encode()),
    "shell": shlex.quote,
    "html": html.escape,
    "compose": lambda value: value.replace("$", "$$"),
    "hex": lambda value: value.encode().hex(),
    "HEX": lambda value: value.encode().hex().upper(),
    "base64": lambda value: base64.b64encode(value.encode()).decode(),
    "base64 with line end": lambda value: base64.b64encode(value.encode() + b"\n").decode(),
    "login": lambda value: base64.b64encode(b"user:" + value.encode()).decode(),
    "longer login": lambda value: base64.b64encode(b"a-user:" + value.encode() + b"!!").decode(),
    "url-safe": lambda value: base64.urlsafe_b64encode(b"xy" + value.encode()).decode(),
    "colours": lambda value: value[:3] + "\x1b[31m" + value[3:9] + "\x1b[0m" + value[9:],
    "control": "\x00".join,
}  # fmt: skip


def traces(value: str) -> tuple[str, ...]:
    """What would give a value away: the middle of it, plain and encoded."""
    raw = value.encode()
    bases = (base64.b64encode(b"\0" * pad + raw).decode()[4:-4] for pad in range(3))
    return (CANARY, CANARY.encode().hex(), CANARY.encode().hex().upper(), *bases)


@pytest.mark.parametrize("form", sorted(FORMS))
@settings(max_examples=12, deadline=None)
@given(value=canaries, cuts=st.lists(st.integers(0, 5000), max_size=8))
def test_no_form_of_a_known_value_leaves(form: str, value: str, cuts: list[int]):
    """Whatever the characters, whichever the form, however the stream is cut."""
    written = f"before {FORMS[form](value)} after\nnext line\n"
    redactor = Redactor([value])
    data, stream, out = written.encode(), redactor.stream(), b""
    places = sorted({cut % (len(data) + 1) for cut in cuts})
    for start, end in zip([0, *places], [*places, len(data)], strict=True):
        out += stream.feed(data[start:end])
    out += stream.finish()
    for masked in (redactor.text(written), out.decode()):
        seen = masked.replace("\x1b[31m", "").replace("\x1b[0m", "").replace("\0", "")
        assert MASK in seen
        assert not [trace for trace in traces(value) if trace in seen]
        assert "next line\n" in seen


@settings(max_examples=60, deadline=None)
@given(st.lists(canaries, min_size=2, max_size=4))
def test_each_line_of_a_value_is_masked(parts: list[str]):
    """Certificates and service accounts are printed line by line, or as one JSON string."""
    value = "\n".join(parts)
    redactor = Redactor([value])
    for written in (value, json.dumps(value), base64.b64encode(value.encode()).decode()):
        assert CANARY not in redactor.text(written)


@settings(max_examples=40, deadline=None)
@given(canaries)
def test_canaries_of_every_source_are_known(value: str):
    """Environment, env file, compose file with build arguments and secrets, Docker's logins, OTEL headers."""
    assume(
        "\\" not in value and '"' not in value and "'" not in value and " #" not in value and "," not in value
    )
    args = {"services": {"a": {"build": {"args": {"API_TOKEN": value}}}}}
    named = {"secrets": {"licence": {"environment": "LICENCE"}}}
    auth = base64.b64encode(f"user:{value}".encode()).decode()
    sources = [
        secrets_in({"DB_PASSWORD": value}),
        secrets_in(dotenv_variables(f"export DB_PASSWORD='{value}'\n")),
        secrets_in_config(json.dumps(args), {}),
        secrets_in_config(json.dumps(named), {"LICENCE": value}),
        docker_logins(json.dumps({"auths": {"registry": {"auth": auth, "identitytoken": "tok-1234567"}}})),
        secrets_in({"OTEL_EXPORTER_OTLP_HEADERS": f"x-api-key={quote(value, safe='')},a=b"}),
    ]
    for found in sources:
        assert CANARY not in Redactor(found).text(f"it printed {value} and went on")


def test_the_dockers_own_login_is_known(tmp_path: Path):
    """Of the worker's own command line; no credential helper is asked."""
    auth = base64.b64encode(f"user:{CANARY}".encode()).decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {"r.example": {"auth": auth}}}))
    own = own_secrets({"DOCKER_CONFIG": str(tmp_path), "MM_ORCHESTRATOR_LLM_API_KEY": "key-of-a-model-1"})
    assert {CANARY, auth, f"user:{CANARY}", "key-of-a-model-1"} <= own


def test_defaults_in_a_dockerfile_are_known():
    """A build prints what ``ARG`` says without its name."""
    assert secrets_in_text(f"ARG API_TOKEN={CANARY}\nENV X=1 DB_PASSWORD='{CANARY}2'\n") == {
        CANARY,
        f"{CANARY}2",
    }


@settings(max_examples=40, deadline=None)
@given(canaries)
def test_what_enters_the_history_is_masked(value: str):
    """Sentences of a result, the message and the causes of a failure; names and paths stay."""
    known = KnownSecrets()
    known.learn([value])
    failure = OrchestratorError("build_failed", service="api", detail=f"it said {value}").failure(
        StepName.BUILD
    )
    told = StepFailure(failure=failure, warnings=(f"and {value} again",))
    assert CANARY not in masked_prose(told, known.mask).model_dump_json()
    converter = masking_converter(known.mask)
    try:
        raise ValueError(f"inner {value}")
    except ValueError as inner:
        outer = RuntimeError(f"outer {value}")
        outer.__cause__ = inner
    proto = _failure_of(converter, outer)
    assert CANARY not in str(proto)
    assert "message" in PROSE


def _failure_of(converter: object, error: BaseException) -> object:
    from temporalio.api.failure.v1 import Failure  # noqa: PLC0415 - only here
    from temporalio.converter import DataConverter  # noqa: PLC0415 - only here

    assert isinstance(converter, DataConverter)
    failure = Failure()
    converter.failure_converter.to_failure(error, converter.payload_converter, failure)
    return failure


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=4), st.sampled_from(["_", "-", ""]))
def test_no_telling_name_is_overlooked(words: list[str], joint: str):
    """Lines are looked at closely only where a telling word stands: whatever is a secret's name has one."""
    name = joint.join(words)
    if is_secret_name(name):
        assert MASK.encode() in mask_patterns(f"{name}=v4lue-of-1t\n".encode())


def test_an_instruction_is_masked_before_anything_is_made_of_it():
    """Memo and record begin with the instruction as the workflow masks it, whoever sent it."""
    assert CANARY not in mask(f"repair api with DB_PASSWORD={CANARY}")


def test_one_process_forgets_nothing_and_mixes_no_projects():
    """The process's mask knows every project; a project's own redactor only its own and the process's."""
    known = KnownSecrets(["own-secret-1"])
    redactor = known.redactor(["first-project-1"])
    known.redactor(["second-project-2"])
    assert known.mask("own-secret-1 first-project-1 second-project-2") == "[masked] [masked] [masked]"
    assert (
        redactor.text("own-secret-1 first-project-1 second-project-2") == "[masked] [masked] second-project-2"
    )


@pytest.mark.parametrize(
    "hostile",
    [
        "\x1b[",
        "\x1b]",
        "\x1b[31m",
        "\0",
        "password\x1b[0m=",
        "-----BEGIN RSA PRIVATE KEY-----",
        "://a@",
        "key=" * 9,
    ],
)  # fmt: skip
def test_time_grows_with_length_only(hostile: str):
    """Twice the line takes about twice the time: eight times the length never sixty-four times the time."""
    redactor = Redactor([f"value-{number}-of-many" for number in range(200)])

    def seconds(length: int) -> float:
        text = hostile * (length // len(hostile))
        began = time.thread_time()  # a busy machine takes its time, not the redactor's
        redactor.text(text)
        return time.thread_time() - began

    seconds(4096)
    short = min(seconds(64 * 1024) for _ in range(5))
    assert min(seconds(512 * 1024) for _ in range(5)) < 40 * max(short, 0.0005)


def test_the_last_words_of_a_process_are_masked():
    """Tracebacks of the main thread and of others, on the process's real stderr."""
    code = (
        "import sys, threading\n"
        "from activities.adapters.known_secrets import KnownSecrets\n"
        "from worker.last_words import mask_last_words\n"
        "mask_last_words(KnownSecrets([sys.argv[1]]).mask)\n"
        "thread = threading.Thread(target=lambda: int(sys.argv[1]))\n"
        "thread.start(); thread.join()\n"
        "raise RuntimeError('it was ' + sys.argv[1])\n"
    )
    done = subprocess.run([sys.executable, "-c", code, CANARY], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert CANARY not in done.stderr
    assert done.stderr.count(MASK) == 2
    assert "ValueError" in done.stderr
    assert "RuntimeError: it was [masked]" in done.stderr
