"""User Story 2, what the record may never tell: no secret leaves (I5), whichever way a run ends."""

import base64
from pathlib import Path
from uuid import uuid4

from tests.acceptance import temporal_cli
from tests.acceptance.operator import Operator
from tests.acceptance.stacks import BREAK_HEALTH, broken_shop, compose_file, policy, web_block
from tests.conftest import ComposeFactory
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
LEAK = """\
import json, os, sys
for name in ("DB_PASSWORD", "API_TOKEN", "SIGNING_KEY", "DATABASE_URL"):
    value = os.environ[name]
    print("connecting with", value, "as configured")
    print(json.dumps({"opened": [value]}), file=sys.stderr)
    print(repr(value) * 2, flush=True)
print("the licence is", open("/run/secrets/licence").read())
print("x" * 65530 + os.environ["DB_PASSWORD"] + "y" * 10, flush=True)
"""


def leaky_shop(requirements: str) -> dict[str, str]:
    """``api`` prints every secret it has, from .env, env_file and a secrets file."""
    api = web_block(
        "api", "restart: unless-stopped", "env_file: [api.env]",
        "environment: {DB_PASSWORD: '${DB_PASSWORD}', DATABASE_URL: '${DATABASE_URL}'}", "secrets: [licence]",
    )  # fmt: skip
    files = broken_shop("humanize", requirements=requirements)
    extra = "secrets:\n  licence:\n    file: licence.txt\n"
    files["compose.yaml"] = compose_file(api, web_block("store", health=False)) + extra
    files[".env"] = "".join(f"{name}='{SECRETS[name]}'\n" for name in ("DB_PASSWORD", "DATABASE_URL"))
    files["api.env"] = "".join(f"{name}='{SECRETS[name]}'\n" for name in ("API_TOKEN", "SIGNING_KEY"))
    files["licence.txt"] = f"{FILE_SECRET}\n"
    files["api/app.py"] = LEAK + files["api/app.py"]
    files["api/Dockerfile"] = files["api/Dockerfile"].replace(
        "COPY . .", f'COPY . .\nRUN echo "pushing to https://ci:{CANARY}@mirror.internal/simple"'
    )
    return files


def leaks(directory: Path, *exempt: str) -> list[str]:
    """Files below ``directory`` that hold the canary, plain or base64; but not below exempt directories."""
    forms = [CANARY.encode(), *(base64.b64encode(b"x" * pad + CANARY.encode())[4:-4] for pad in range(3))]
    found = []
    for path in sorted(directory.rglob("*")):
        relative = path.relative_to(directory).as_posix()
        if path.is_file() and not relative.startswith(exempt):
            data = path.read_bytes()
            found += [relative for form in forms if form in data]
    return found


def test_no_secret_of_a_service_leaves(compose_project: ComposeFactory, operator: Operator) -> None:
    """Secrets of .env, env_file, a secrets file, URLs and build output are in no evidence and no history.

    First a repair that succeeds, then a patch that is rolled back; only journals and plans, private in the
    state directory, may hold a file's real bytes.
    """
    index = f"# mirror https://ci:{CANARY}@mirror.internal/simple\n"
    shop = compose_project(leaky_shop(index))
    shop.up()
    logged = shop.compose("logs", "api").stdout
    assert all(secret in logged for secret in (SECRETS["DB_PASSWORD"], FILE_SECRET)), "nothing to mask"
    operator.write_policy(policy(shop.name, str(shop.directory), max_wait_seconds=6))
    patch = operator.root / "break.diff"
    patch.write_text(break_health_of(shop.read("api/Dockerfile")))
    with operator.dev(shop.directory):
        told, histories = "", ""
        repair = temporal_cli.start(operator, {"service": "api", "instruction": "repair api"})
        fixed = RunRecord.model_validate(temporal_cli.result_value(operator, repair))
        broken = operator.command("run", "api", "apply it", "--patch", str(patch), "--json").record
        for record in (fixed, broken):
            histories += temporal_cli.history(operator, record.workflow_id).text
            histories += str(temporal_cli.description(operator, record.workflow_id))
            for command in ("show", "explain", "plan", "diff"):
                told += operator.command(command, record.run_id).stdout
            for step in ("analyze", "build", "restart", "verify"):
                told += operator.command("logs", record.run_id, step).stdout
    assert fixed.status is RunStatus.SUCCEEDED, fixed.failure
    assert broken.status is RunStatus.ROLLED_BACK, broken.failure
    assert "connecting with" in told + _evidence(operator), "the log lines themselves are kept"
    assert CANARY not in told
    assert CANARY not in histories
    assert CANARY not in fixed.model_dump_json() + broken.model_dump_json()
    assert leaks(operator.state, "journals/", "plans/") == []
    for directory in ("journals", "plans"):
        private = operator.state / directory
        assert all(path.stat().st_mode & 0o077 == 0 for path in private.rglob("*") if path.is_file())
    assert CANARY not in (operator.root / "dev.log").read_text()


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
