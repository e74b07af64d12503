"""User Story 2, what the record may never tell: no secret leaves (I5), whichever way a run ends."""

import base64
import json
import socket
import time
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from tests.acceptance import temporal_cli
from tests.acceptance.operator import Operator
from tests.acceptance.stacks import BREAK_HEALTH, broken_shop, compose_file, policy, web_block
from tests.conftest import ComposeFactory
from tests.sandbox import ComposeSandbox
from workflows.models.record import RunRecord
from workflows.models.status import RunStatus

CANARY = f"canary-{uuid4().hex[:12]}"
SECRETS = {
    "DB_PASSWORD": f"db-{CANARY}",
    "API_TOKEN": f"to+ken/{CANARY}=",
    "SIGNING_KEY": f'sign "quoted" {CANARY}',
    "DATABASE_URL": f"postgres://shop:url-{CANARY}@store:5432/shop",
}
FILE_SECRET = f"file-{CANARY}"
BUILD_ARG = f"arg-{CANARY}"
WORKERS_OWN = f"own-{CANARY}"
LOGIN = f"login-{CANARY}"
LEAK = """\
import base64, json, os, sys, traceback
for name in ("DB_PASSWORD", "API_TOKEN", "SIGNING_KEY", "DATABASE_URL"):
    value = os.environ[name]
    print("connecting with", value, "as configured")
    print(json.dumps({"opened": [value]}), file=sys.stderr)
    print(repr(value) * 2, flush=True)
    print(base64.b64encode(b"user:" + value.encode()).decode(), value.encode().hex())
    print(value[:9] + "\\x1b[31m" + value[9:15] + "\\x1b[0m" + value[15:])
    try:
        raise ConnectionError("cannot log in with " + value)
    except ConnectionError:
        traceback.print_exc()
print("the licence is", open("/run/secrets/licence").read())
print("x" * 65530 + os.environ["DB_PASSWORD"] + "y" * 10, flush=True)
"""


def leaky_shop(requirements: str) -> dict[str, str]:
    """``api`` prints every secret it has, from .env, env_file and a secrets file."""
    api = web_block(
        "api", "restart: unless-stopped", "env_file: [api.env]",
        "environment: {DB_PASSWORD: '${DB_PASSWORD}', DATABASE_URL: '${DATABASE_URL}'}", "secrets: [licence]",
    )  # fmt: skip
    api = api.replace("build: ./api", "build: {context: ./api, args: {PIP_TOKEN: '${PIP_TOKEN}'}}")
    files = broken_shop("humanize", requirements=requirements)
    extra = "secrets:\n  licence:\n    file: licence.txt\n"
    files["compose.yaml"] = compose_file(api, web_block("store", health=False)) + extra
    files[".env"] = "".join(f"{name}='{SECRETS[name]}'\n" for name in ("DB_PASSWORD", "DATABASE_URL"))
    files["api.env"] = "".join(f"{name}='{SECRETS[name]}'\n" for name in ("API_TOKEN", "SIGNING_KEY"))
    files[".env"] += f"PIP_TOKEN='{BUILD_ARG}'\n"
    files["licence.txt"] = f"{FILE_SECRET}\n"
    body = 'b"ok " + os.environ["DB_PASSWORD"].encode()'
    files["api/app.py"] = LEAK + files["api/app.py"].replace('b"ok"', body)
    printing = "RUN echo $PIP_TOKEN; echo -n $PIP_TOKEN | base64; "
    pushing = f'echo "pushing to https://ci:{CANARY}@mirror.internal/simple"'
    files["api/Dockerfile"] = files["api/Dockerfile"].replace(
        "COPY . .", f"COPY . .\nARG PIP_TOKEN\n{printing}{pushing}"
    )
    return files


def given_away() -> list[bytes]:
    """What gives the canary away: plain, in hexadecimal, in base64 wherever it begins."""
    bases = (base64.b64encode(b"x" * pad + CANARY.encode())[4:-4] for pad in range(3))
    return [CANARY.encode(), CANARY.encode().hex().encode(), *bases]


def leaks(directory: Path, *exempt: str) -> list[str]:
    """Files below ``directory`` that hold the canary in some form; but not below exempt directories."""
    forms, found = given_away(), []
    for path in sorted(directory.rglob("*")):
        relative = path.relative_to(directory).as_posix()
        if path.is_file() and not relative.startswith(exempt):
            data = path.read_bytes()
            found += [relative for form in forms if form in data]
    return found


def test_no_secret_of_a_service_leaves(compose_project: ComposeFactory, operator: Operator) -> None:
    """Secrets of .env, env_file, a secrets file, URLs, build arguments and the worker's own are in nothing.

    A plan only, a run that is refused because Compose quotes a secret, a repair that succeeds, a patch that
    is rolled back; only journals and plans, private in the state directory, may hold a file's real bytes.
    """
    statsd = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    statsd.bind(("127.0.0.1", 0))
    statsd.settimeout(0.2)
    _hide_with_the_worker(operator, statsd.getsockname()[1])
    index = f"# mirror https://ci:{CANARY}@mirror.internal/simple\n"
    shop = compose_project(leaky_shop(index))
    shop.up()
    logged, deadline = "", time.monotonic() + 60
    while FILE_SECRET not in logged and time.monotonic() < deadline:  # a busy machine starts it late
        time.sleep(0.2)
        logged = shop.compose("logs", "api").stdout
    assert all(secret in logged for secret in (SECRETS["DB_PASSWORD"], FILE_SECRET)), "nothing to mask"
    operator.write_policy(policy(shop.name, str(shop.directory), max_wait_seconds=90))
    patch = operator.root / "break.diff"
    patch.write_text(break_health_of(shop.read("api/Dockerfile")))
    with operator.dev(shop.directory):
        told, histories = "", ""
        words = f"repair api, its API_TOKEN={CANARY}"
        planned = operator.command("run", "api", words, "--plan-only", "--json").record
        refused = _refused(operator, shop)
        repair = temporal_cli.start(operator, {"service": "api", "instruction": "repair api"})
        fixed = RunRecord.model_validate(temporal_cli.result_value(operator, repair))
        operator.write_policy(policy(shop.name, str(shop.directory), max_wait_seconds=6))
        broken = operator.command("run", "api", "apply it", "--patch", str(patch), "--json").record
        for record in (planned, refused, fixed, broken):
            histories += temporal_cli.history(operator, record.workflow_id).text
            histories += str(temporal_cli.description(operator, record.workflow_id))
            for query in ("status", "plan", "artifacts", "get_progress", "get_step_ledger"):
                told += json.dumps(temporal_cli.query(operator, record.workflow_id, query))
            told += operator.command("show", record.run_id).stdout
        for command in ("explain", "plan", "diff"):
            told += operator.command(command, broken.run_id).stdout
        for step in ("analyze", "build", "restart"):
            told += operator.command("logs", fixed.run_id, step).stdout
    assert fixed.status is RunStatus.SUCCEEDED, fixed.failure
    assert broken.status is RunStatus.ROLLED_BACK, broken.failure
    assert "connecting with" in told + _evidence(operator), "the log lines themselves are kept"
    assert not any(form.decode() in told + histories for form in given_away())
    assert CANARY not in fixed.model_dump_json() + broken.model_dump_json()
    assert leaks(operator.state, "journals/", "plans/") == []
    for directory in ("journals", "plans"):
        private = operator.state / directory
        assert all(path.stat().st_mode & 0o077 == 0 for path in private.rglob("*") if path.is_file())
    assert leaks(operator.root, "state/", "project/") == []  # what the worker said on its streams
    sent = _datagrams(statsd)
    assert not any(form in sent for form in given_away())


def _hide_with_the_worker(operator: Operator, statsd_port: int) -> None:
    """Secrets of the worker itself, and of its Docker command; and where it sends its numbers."""
    config = operator.root / "project" / "docker"
    config.mkdir(parents=True)
    auth = base64.b64encode(f"user:{LOGIN}".encode()).decode()
    (config / "config.json").write_text(json.dumps({"auths": {"registry.invalid": {"auth": auth}}}))
    operator.extra_env |= {
        "DOCKER_CONFIG": str(config),
        "SHOP_API_KEY": WORKERS_OWN,
        "ORCHESTRATOR_STATSD_HOST": "127.0.0.1",
        "ORCHESTRATOR_STATSD_PORT": str(statsd_port),
    }


def _refused(operator: Operator, shop: ComposeSandbox) -> RunRecord:
    """Compose quotes what it cannot read, and that is a secret."""
    good = shop.read("compose.yaml")
    shop.write("compose.yaml", good.replace("    secrets:", "    ports: ['${DB_PASSWORD}']\n    secrets:", 1))
    ran = operator.command("run", "api", "repair api", "--json")
    shop.write("compose.yaml", good)
    assert CANARY not in ran.stderr + ran.stdout
    assert ran.record.code == "compose_invalid"
    assert "[masked]" in ran.stdout
    return ran.record


def _datagrams(statsd: socket.socket) -> bytes:
    """Everything that was sent."""
    received = b""
    with statsd, suppress(TimeoutError):
        while True:
            received += statsd.recv(65536)
    assert b"runs.status.rolled_back" in received
    return received


def _evidence(operator: Operator) -> str:
    logs = (operator.state / "artifacts").rglob("service-before.log")
    return "".join(path.read_text() for path in logs)


def break_health_of(dockerfile: str) -> str:
    """``BREAK_HEALTH`` for a Dockerfile that has one line more, without sending that line."""
    lines = dockerfile.splitlines()
    at = len(lines)
    assert "CMD" in lines[at - 1]
    assert "sed" in BREAK_HEALTH
    return (
        "--- a/api/Dockerfile\n+++ b/api/Dockerfile\n"
        f"@@ -{at},1 +{at},2 @@\n+RUN sed -i 's/8000/9000/' app.py\n {lines[at - 1]}\n"
    )


def test_a_secret_in_an_instruction_is_masked_before_it_is_sent(
    compose_project: ComposeFactory, operator: Operator
) -> None:
    """The starter masks what looks like a secret in the instruction, and refuses a patch that carries one."""
    shop = compose_project(broken_shop("humanize"))
    operator.write_policy(policy(shop.name, str(shop.directory)))
    with operator.dev(shop.directory):
        words = f"repair api with DB_PASSWORD={CANARY}"
        record = operator.command("run", "api", words, "--json").record
        assert CANARY not in record.model_dump_json()
        assert CANARY not in temporal_cli.history(operator, record.workflow_id).text
        patch = operator.root / "leak.diff"
        added = f"@@ -1 +1,2 @@\n # packages\n+# API_TOKEN={CANARY}\n"
        patch.write_text(f"--- a/api/requirements.txt\n+++ b/api/requirements.txt\n{added}")
        refused = operator.command("run", "api", "apply it", "--patch", str(patch), "--json")
    assert (refused.code, refused.stdout) == (2, "")
    assert "looks like a secret" in refused.stderr or "look like a secret" in refused.stderr
    assert CANARY not in refused.stderr
    assert leaks(operator.state) == []
