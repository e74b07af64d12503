"""No sentence is misread: whatever is put together from parts, it is carried out whole or not at all (I1)."""

import time

from hypothesis import given, settings
from hypothesis import strategies as st

from workflows.ecosystem_names import package_of, version_of
from workflows.errors import OrchestratorError
from workflows.image_names import image, tag_for
from workflows.models.request import Ecosystem, Intent, IntentKind
from workflows.planning import parse_instruction

SERVICES = ("api", "worker", "shop-web")
REFUSALS = {"unsupported_instruction", "ambiguous_service", "ambiguous_instruction"}
WHOLE = st.sampled_from([
    "repair api", "fix the api service", "repair the missing dependency for api", "heal api, it crashes",
    "add flask to api", "add npm package express to api", "remove flask from api", "pin flask to 2.3 in api",
    "upgrade flask in api", "install the apt package curl in api", "use python:3.12-slim for api",
    "change the base image of api to node:20", "rebuild api", "restart api", "upgrade node to 20 in api",
])  # fmt: skip
JOINTS = st.sampled_from([
    " and ", ", ", " then ", " and then ", "; ", ". ", " & ", " && ", " | ", "\n", " also ", " plus ", " - ",
    ", please ", " and also please ", " after that ", ": ", " or ", " followed by ", "! ",
])  # fmt: skip
JOBS = st.sampled_from([
    "restart worker", "delete the database", "add evil to worker", "remove redis from worker",
    "scale it to 3",
    "push the image", "drop all tables", "rebuild shop-web", "upgrade everything", "run the migrations",
    "curl example.org", "stop the worker", "reveal the secrets", "edit app.py", "set DEBUG to 1",
    "pin redis to 4",
    "open a pull request", "rm -rf the data", "deploy it", "repair worker", "fix shop-web", "install evil",
    "ignore the policy", "approve it", "use evil:1 for worker", "print the environment", "kill worker",
])  # fmt: skip


def read(text: str, service: str | None = None) -> Intent | None:
    """The intent, or None for a refusal of the catalogue; anything else is raised."""
    try:
        return parse_instruction(text, SERVICES, service)
    except OrchestratorError as error:
        if error.code in REFUSALS:
            return None
        raise


@settings(max_examples=600, deadline=None)
@given(WHOLE, JOINTS, JOBS, st.sampled_from([None, "api"]))
def test_a_second_job_behind_a_sentence_is_never_dropped(
    whole: str, joint: str, job: str, service: str | None
) -> None:
    """Either part alone may be fine; together they are more than one run does."""
    assert read(whole, service) is not None
    assert read(whole + joint + job, service) is None


@settings(max_examples=300, deadline=None)
@given(WHOLE, JOINTS, JOBS)
def test_a_second_job_before_a_sentence_is_never_dropped(whole: str, joint: str, job: str) -> None:
    """Nor is one that comes first."""
    assert read(job + joint + whole) is None


@settings(deadline=None)
@given(
    JOBS, st.sampled_from([", fix it", " and repair it", ", please fix it", " then heal that", ": fix it"])
)
def test_a_repair_said_last_hides_no_job_before_it(job: str, end: str) -> None:
    """ "the api is broken, fix it" is understood; "restart worker, fix it" is two jobs."""
    assert read(job + end) is None


CONDITIONS = st.sampled_from([
    "if worker is down", "unless it runs", "without restarting it", "tomorrow", "at 5 pm", "every night",
    "except the worker", "instead of worker", "by deleting the volume", "in 10 minutes", "until monday",
    "but do not restart it", "while stopping worker", "on every service", "and all services",
])  # fmt: skip


@settings(deadline=None)
@given(WHOLE, CONDITIONS)
def test_a_condition_is_never_dropped(whole: str, condition: str) -> None:
    """What would have to wait, or to be done in a special way, is not done at once and in another way."""
    assert read(f"{whole} {condition}") is None
    assert read(f"{condition} {whole}") is None


PARTS = st.sampled_from([
    "add", "install", "remove", "uninstall", "pin", "upgrade", "downgrade", "use", "repair", "fix", "restart",
    "rebuild", "the", "npm", "gem", "crate", "package", "system", "apt", "base image", "of", "for", "to",
    "from",
    "in", "with", "as", "api", "worker", "shop web", "flask", "express@4", "@types/node", "github.com/lib/pq",
    "a/b", "g.x:a", "python:3.12", "node", "20", ">=3", "^1.2", "~> 1", "v1.0.0", "latest", "and", "then",
    "all",
    "version", "missing", "--x", ";", "'", "please", "not", "\u00e9",
])  # fmt: skip
NAME = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@/:[],+")
VERSION = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+!*<>=~^, :")


@settings(max_examples=400, deadline=None)
@given(st.lists(PARTS, max_size=10).map(" ".join) | st.text(max_size=60))
def test_whatever_is_understood_is_safe_to_write(text: str) -> None:
    """One service of the project or one plain word, one plain name,
    one plain version; nothing else passes."""
    intent = read(text)
    if intent is None:
        return
    assert intent.service
    assert set(intent.package or "") <= NAME
    assert not (intent.package or "").startswith(("-", ".", "/"))
    assert ".." not in (intent.package or "").split("/")
    assert set(intent.version or "") <= VERSION
    if intent.kind in {IntentKind.PIN_PACKAGE, IntentKind.REMOVE_PACKAGE, IntentKind.ADD_PACKAGE}:
        assert intent.package
    if intent.kind is IntentKind.PIN_PACKAGE:
        assert intent.version


@settings(deadline=None)
@given(st.sampled_from(Ecosystem), st.text(max_size=30) | st.lists(PARTS, max_size=3).map(" ".join))
def test_names_and_versions_are_plain_tokens(ecosystem: Ecosystem, text: str) -> None:
    """No quote, no line, no option, no address, in any ecosystem."""
    spec = package_of(text, ecosystem)
    if spec is not None:
        assert set(spec.name) <= NAME
        assert not spec.name.startswith(("-", ".", "/"))
        assert set(spec.version or "") <= VERSION
    assert set(version_of(text, ecosystem) or "") <= VERSION


@settings(deadline=None)
@given(st.text(max_size=40) | st.from_regex(r"[a-z0-9./:@_-]{1,30}", fullmatch=True))
def test_an_image_reference_is_one_plain_word(text: str) -> None:
    """It can stand in a FROM line and change nothing but the image."""
    one = image(text)
    if one is not None:
        assert set(text.strip()) <= set(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:@"
        )
        assert not text.strip().startswith("-")


def test_a_new_version_keeps_the_variant() -> None:
    """A tag without a version that could be replaced is not guessed."""
    cases = {
        ("18", "20"): "20",
        ("18-alpine3.18", "20"): "20-alpine3.18",
        ("3.9.18-slim-bookworm", "3.12"): "3.12-slim-bookworm",
        ("latest", "20"): "20",
        ("", "20"): "20",
        ("lts-slim", "20"): "20-slim",
        ("slim", "3.12"): "3.12-slim",
        ("iron", "20"): None,
        ("bookworm-20240110", "12"): None,
    }
    assert {key: tag_for(*key) for key in cases} == cases


LONG = st.sampled_from([
    "pin {}", "add {} to api", "use {} for api", "repair {}", "restart {}", "set {} env", "{}, fix it",
    "upgrade {}",
])  # fmt: skip
PIECES = st.sampled_from([
    "a in ", "a to ", "1.", "a.", "a-", "a/", "a.-", "a:", "the ", "with pip ", "and it is up ", "by using ",
    "restart of ", "in the api ", "as image ", "package ", "! ", "a, ",
])  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(LONG, PIECES)
def test_no_sentence_takes_long_to_read(whole: str, piece: str) -> None:
    """The longest that a request may carry, made to lead patterns astray."""
    began = time.process_time()
    intent = read(whole.format(piece * 4000)[:4000])
    assert time.process_time() - began < 5
    assert intent is None or len(intent.package or "") <= 300
