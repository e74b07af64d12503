"""What parses foreign text: each target with texts it knows, and the errors it may answer with."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from activities.adapters import diff_shape, unified_diff
from activities.adapters.approval_tokens import claimed_approver
from activities.adapters.compose_model import parse_model
from activities.adapters.journal_model import Journal
from activities.adapters.policy_file import check_policy
from activities.adapters.redaction import Redactor
from activities.adapters.workspace import Workspace
from activities.manifests.errors import ManifestError
from tests.fuzz.editors import EDITORS, Edit
from tests.fuzz.outputs import OUTPUTS, as_json
from tests.repair.cases import OWN, load
from tests.unit.state_samples import journal, target
from worker.diagnosing import Question, answer
from workflows.errors import OrchestratorError
from workflows.models.approval import Approve, Reject
from workflows.models.request import RunRequest
from workflows.planning import parse_instruction

ROOT = Path(__file__).parents[2]
CANARY = "canary-8f2b61c0a94e"


@dataclass(frozen=True)
class Target:
    """One reader of foreign text."""

    name: str
    read: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    answers: tuple[type[Exception], ...] = ()
    """What it may raise: an answer, not a crash."""


def targets() -> tuple[Target, ...]:
    """All of them."""
    return (
        Target("diff", _diff, _DIFFS, (OrchestratorError,)),
        Target("path", _path, _PATHS, (OrchestratorError,)),
        Target("instruction", _instruction, _SENTENCES, (OrchestratorError,)),
        Target("policy", _policy, _policies()),
        Target("compose model", _compose, _COMPOSE, (OrchestratorError,)),
        Target("token", _token, _TOKENS),
        Target("signal", _signal, _SIGNALS, (ValidationError,)),
        Target("journal", Journal.model_validate_json, _journals(), (ValidationError,)),
        Target("redaction", _redaction, _SECRETS),
        Target("log", _log, _logs()),
        *(Target(name, read, seeds, errors) for name, (read, seeds, errors) in OUTPUTS.items()),
        *(
            Target(name, _editing(edits), tuple(text.encode() for text in texts), (ManifestError,))
            for name, (edits, texts) in EDITORS.items()
        ),
    )


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _diff(data: bytes) -> None:
    """As the plan step reads a patch: shape, files, and every file applied to a base."""
    text = _text(data)
    diff_shape.require_shape(text)
    for patch in unified_diff.parse(text):
        unified_diff.apply(b"flask==3.0.0\nredis\n", patch)


def _path(data: bytes) -> None:
    """Whatever the name, what may be written lies in the workspace and is permitted."""
    with tempfile.TemporaryDirectory() as made:
        root = Path(made).resolve()
        (root / "api").mkdir()
        (root / "api/requirements.txt").write_text("")
        (root / "out").symlink_to("/etc")
        found = Workspace(target(root, "api/*.txt")).resolve(_text(data))
        assert found.absolute.is_relative_to(root / "api"), found


def _instruction(data: bytes) -> None:
    parse_instruction(data.decode("utf-8", "replace"), ("api", "store", "web-1"))


def _policy(data: bytes) -> None:
    with tempfile.NamedTemporaryFile(suffix=".yaml") as file:
        file.write(data)
        file.flush()
        check_policy(Path(file.name))


def _compose(data: bytes) -> None:
    parse_model(data.decode("utf-8", "replace"), (), frozenset())


def _token(data: bytes) -> None:
    claimed_approver(data.decode("utf-8", "replace"))


def _signal(data: bytes) -> None:
    """The start input and both signals, as JSON; signals may not refuse what is an object."""
    told = as_json(data)
    if isinstance(told, dict):
        Approve.model_validate(told)
        Reject.model_validate(told)
    RunRequest.model_validate(told)


def _redaction(data: bytes) -> None:
    """A known value does not come out, in one piece or in chunks."""
    redactor = Redactor([CANARY])
    whole = redactor.data(data)
    assert CANARY.encode() not in whole
    stream = redactor.stream()
    step = 1 + len(data) % 13
    out = b"".join(stream.feed(data[start : start + step]) for start in range(0, len(data), step))
    assert CANARY.encode() not in out + stream.finish()


def _log(data: bytes) -> None:
    """The rules, asked as the command line asks them."""
    with tempfile.TemporaryDirectory() as made:
        context = Path(made) / "api"
        context.mkdir()
        (context / "Dockerfile").write_text("FROM python:3.13-slim\nRUN pip install -r requirements.txt\n")
        (context / "requirements.txt").write_text("flask\n")
        log = Path(made) / "log"
        log.write_bytes(data)
        answer(Question(log=log, context=context))


def _editing(edits: tuple[Edit, ...]) -> Callable[[bytes], None]:
    """Each edit by itself; what one refuses another may do."""

    def read(data: bytes) -> None:
        text = _text(data).encode("utf-8", "replace").decode("utf-8", "replace")
        for edit in edits:
            try:
                edit(text)
            except ManifestError:
                continue

    return read


def _policies() -> tuple[bytes, ...]:
    whole = (ROOT / "deploy" / "policy.example.yaml").read_bytes()
    return (
        whole,
        b"version: 1\nprojects:\n  shop:\n    workspace: /srv/shop\n",
        b"version: 1\nroles: {sre: [a]}\n",
    )


def _journals() -> tuple[bytes, ...]:
    return (journal(Path("/srv/shop")).model_dump_json().encode(),)


def _logs() -> tuple[bytes, ...]:
    return tuple(case.log.encode()[-4000:] for case in load(OWN))


_DIFFS = (
    b"--- a/api/requirements.txt\n+++ b/api/requirements.txt\n@@ -1,2 +1,3 @@\n"
    b" flask==3.0.0\n redis\n+humanize\n",
    b"--- /dev/null\n+++ b/api/new.txt\n@@ -0,0 +1,2 @@\n+one\n+two\n",
    b"diff --git a/x b/y\nsimilarity index 90%\nrename from x\nrename to y\n",
    b"diff --git a/x b/x\nold mode 100644\nnew mode 100755\nGIT binary patch\nliteral 3\nKcmZ\n",
)
_PATHS = (
    b"api/requirements.txt",
    b"api/../api/requirements.txt",
    b"out/passwd.txt",
    b"/etc/x.txt",
    b"api/new.txt",
)
_SENTENCES = (
    b"repair the missing dependency for the api service",
    b"add redis and celery to api",
    b"pin flask to 3.0.0 in api",
    b"upgrade node to 20 in web-1",
    b"remove npm package left-pad from store",
    b"use python:3.13-slim for api",
    b"rebuild api",
    b"restart the store",
    b"add system package libpq-dev to api",
    b"maven artifact g:a to api",
)
_COMPOSE = (
    b'{"name":"shop","services":{"api":{"build":{"context":"/srv/shop/api","dockerfile":"Dockerfile"},"image":"x",'
    b'"environment":{"A":"b"},"depends_on":{"db":{"condition":"service_started"}},"network_mode":"service:db",'
    b'"volumes":[{"type":"bind","source":"/a","target":"/b"}],"healthcheck":{"test":["CMD","x"]}},"db":{"image":"y"}}}',
)
_TOKENS = (
    b"eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJhbGljZSIsInN1YiI6ImFsaWNlIn0.c2lnbmF0dXJl",
    b"eyJhbGciOiJub25lIn0.eyJzdWIiOiJtYWxsb3J5In0.",
)
_SIGNALS = (
    b'{"token":"x","approver":"alice","plan_digest":"ab","comment":"yes","reason":"no"}',
    b'{"service":"api","instruction":"repair api","project":"shop","max_rounds":3,'
    b'"patch":"--- a/x\\n+++ b/x\\n"}',
)
_SECRETS = (
    f"DB_PASSWORD={CANARY}\n".encode(),
    f"https://user:{CANARY}@host/path".encode(),
    f"{CANARY[:7]}\x1b[0m{CANARY[7:]}".encode(),
    b"Authorization: Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2ln\n",
    f'{{"password": "{CANARY}"}}'.encode(),
)
