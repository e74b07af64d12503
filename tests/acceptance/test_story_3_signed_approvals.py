"""User Story 3, SC-002: a protected service stays unwritten until a valid, signed approval of this very plan.

The proof is a watch: whoever writes into the workspace, however shortly, leaves a trace in it.
"""

import base64
import ctypes
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.acceptance import temporal_cli
from tests.acceptance.operator import Operator, artifact_text
from tests.acceptance.processes import await_none
from tests.acceptance.stacks import broken_shop, policy
from tests.acceptance.test_story_3_approvals import REPAIR, everything, finished, waiting_run
from tests.conftest import ComposeFactory
from tests.sandbox import ComposeSandbox
from workflows.models.approval import Verdict
from workflows.models.record import RunRecord
from workflows.models.status import RunStatus

_WRITES = 0x2 | 0x4 | 0x8 | 0x40 | 0x80 | 0x100 | 0x200 | 0x400 | 0x800
"""IN_MODIFY, ATTRIB, CLOSE_WRITE, MOVED_FROM, MOVED_TO, CREATE, DELETE, DELETE_SELF, MOVE_SELF."""
_EVENT = struct.Struct("iIII")


@contextmanager
def watching(root: Path) -> Iterator[list[str]]:
    """Every change below ``root`` while the body runs, by inotify; read when the body is over."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    assert descriptor >= 0
    seen: list[str] = []
    try:
        directories = [root, *(path for path in root.rglob("*") if path.is_dir())]
        watches = {
            libc.inotify_add_watch(descriptor, os.fsencode(path), _WRITES): path for path in directories
        }
        assert min(watches) > 0
        yield seen
        try:
            data = os.read(descriptor, 1 << 20)
        except BlockingIOError:
            data = b""
        while data:
            watch, _, _, length = _EVENT.unpack_from(data)
            name = data[_EVENT.size : _EVENT.size + length].rstrip(b"\0").decode()
            seen.append(str(watches[watch] / name))
            data = data[_EVENT.size + length :]
    finally:
        os.close(descriptor)


@pytest.fixture
def shop(compose_project: ComposeFactory, operator: Operator) -> ComposeSandbox:
    """A broken, protected shop; alice, bob and olga have keys of their own, carol has a key and no role."""
    made = compose_project(broken_shop("humanize"))
    made.up()
    lines = ["approvers:"]
    for name in ("olga", "alice", "bob", "carol"):
        new = operator.command("keys", "new", name)
        assert new.code == 0, new.stderr
        lines += new.stdout.splitlines()[1:]
    extra = [
        "approvals:", "  approver_roles: [sre]", "  time_limit_seconds: 600",
        "roles:", "  sre: [olga, alice, bob]", "  intern: [carol]", *lines, "",
    ]  # fmt: skip
    operator.write_policy(
        policy(made.name, str(made.directory), extra_service=["protected: true"], extra="\n".join(extra))
    )
    return made


def key_of(operator: Operator, name: str) -> Path:
    """Where ``keys new`` put a private key."""
    return operator.state / "keys" / f"{name}.key"


def forged(operator: Operator, record: RunRecord) -> dict[str, tuple[str, str]]:
    """What -> (token, the code it must be refused with)."""
    assert record.plan is not None
    alices = serialization.load_pem_private_key(key_of(operator, "alice").read_bytes(), None)
    assert isinstance(alices, Ed25519PrivateKey)
    now = int(time.time())
    usual: dict[str, Any] = {
        "iss": "alice", "sub": "alice", "aud": "mm-orchestrator", "run_id": record.run_id,
        "service": "api", "plan_digest": record.plan.digest, "exp": now + 600, "jti": "forged",
    }  # fmt: skip

    def token(key: Any = alices, algorithm: str = "EdDSA", **changes: Any) -> str:
        return jwt.encode(usual | {"jti": os.urandom(8).hex()} | changes, key, algorithm=algorithm)

    raw = alices.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return {
        "forged": (token(Ed25519PrivateKey.generate()), "token_signature_invalid"),
        "altered": (token()[:-8] + "AAAAAAAA", "token_signature_invalid"),
        "expired": (token(exp=now - 3600), "token_expired"),
        "wrong role": (_signed(operator, record, "carol"), "approver_role_missing"),
        "wrong digest": (token(plan_digest="0" * 64), "plan_digest_mismatch"),
        "wrong run": (token(run_id="another"), "token_mismatch"),
        "wrong service": (token(service="store"), "token_mismatch"),
        "by the requester": (_signed(operator, record, "olga"), "self_approval"),
        "by nobody known": (token(sub="mallory", iss="mallory"), "approver_unknown"),
        "none": (token(None, "none"), "token_algorithm_refused"),
        "public key as secret": (token(base64.b64encode(raw), "HS256"), "token_algorithm_refused"),
        "rejection": (_signed(operator, record, "alice", "--reject"), "token_mismatch"),
        "no token": ("approve please", "token_malformed"),
    }


def _signed(operator: Operator, record: RunRecord, name: str, *options: str) -> str:
    key = str(key_of(operator, name))
    signed = operator.command("keys", "sign", record.run_id, "--key", key, "--approver", name, *options)
    assert signed.code == 0, signed.stderr
    return signed.stdout.strip()


def test_no_token_but_the_right_one_opens_the_gate(shop: ComposeSandbox, operator: Operator) -> None:
    """Thirteen bad tokens and a replay, each refused on record with its code, not one write; then a good one.

    A token of one run is none for another; a bare name is no approval here.
    """
    untouched = everything(shop)
    with operator.dev(shop.directory):
        with watching(shop.directory) as written:
            waiting = waiting_run(operator)
            workflow_id = waiting.workflow_id
            bare = operator.command("approve", waiting.run_id, "--approver", "dave", "--yes")
            assert "signature_required: " in bare.stderr
            bad = forged(operator, waiting)
            for name, (token, code) in bad.items():
                answer = temporal_cli.update(operator, workflow_id, "Approve", {"token": token})
                assert (answer["verdict"], answer["code"]) == ("refused", code), name
            spent = bad["by the requester"][0]
            answer = temporal_cli.update(operator, workflow_id, "Approve", {"token": spent})
            assert (answer["verdict"], answer["code"]) == ("refused", "token_replayed")
            bad["replayed"] = (spent, "token_replayed")
            record = operator.show(waiting.run_id)
            assert record.status is RunStatus.AWAITING_APPROVAL
            assert everything(shop) == untouched
        assert written == []
        good = _signed(operator, waiting, "bob")
        with watching(shop.directory) as written:
            temporal_cli.signal(operator, workflow_id, "Approve", {"token": good, "comment": "seen"})
            record = finished(operator, waiting.run_id, 0)
        assert str(shop.directory / "api/requirements.txt") in written, "the watch sees what is written"
        again = waiting_run(operator, "--patch", _patch(operator))
        replayed = temporal_cli.update(operator, again.workflow_id, "Approve", {"token": good})
        assert replayed["code"] == "token_mismatch"
        history = temporal_cli.history(operator, again.workflow_id)
        assert operator.command("cancel", again.run_id).code == 0
        finished(operator, again.run_id, 6)
    assert [a.code for a in record.approvals if a.verdict is Verdict.REFUSED] == [
        "signature_required",
        *(code for _, code in bad.values()),
    ]
    approved = [a for a in record.approvals if a.verdict is Verdict.APPROVED]
    assert [(a.approver, a.roles, a.signed, a.comment) for a in approved] == [("bob", ("sre",), True, "seen")]
    told = artifact_text(record, "approval.json") + artifact_text(record, "report.json")
    assert '"token_signature_invalid"' in told
    logs = (operator.root / "dev.log").read_text()
    for token, _ in [*bad.values(), (good, "")]:
        signature = token.rpartition(".")[2]
        assert len(signature) < 20 or signature not in told + logs + record.model_dump_json()
    assert history.count("patch") == 0


def _patch(operator: Operator) -> str:
    path = operator.root / "label.diff"
    path.write_text(
        "--- a/api/Dockerfile\n+++ b/api/Dockerfile\n@@ -1,2 +1,3 @@\n FROM python:3.13-slim\n"
        '+LABEL note="x"\n WORKDIR /app\n'
    )
    return str(path)


def test_the_wait_survives_the_end_of_everything(shop: ComposeSandbox, operator: Operator) -> None:
    """Worker and server are killed while a run waits; the temporal command line alone then approves it.

    The token used before the kill stays used: single use outlives the process that saw it.
    """
    with operator.dev(shop.directory) as dev:
        waiting = waiting_run(operator)
        used = _signed(operator, waiting, "olga")
        answer = temporal_cli.update(operator, waiting.workflow_id, "Approve", {"token": used})
        assert answer["code"] == "self_approval"
        token = _signed(operator, waiting, "alice")
        dev.kill()
        dev.wait(timeout=10)
        await_none(str(operator.state))
    with operator.dev(shop.directory):
        again = temporal_cli.update(operator, waiting.workflow_id, "Approve", {"token": used})
        assert again["code"] == "token_replayed"
        temporal_cli.signal(operator, waiting.workflow_id, "Approve", {"token": token})
        record = finished(operator, waiting.run_id, 0)
        history = temporal_cli.history(operator, waiting.workflow_id)
    assert record.status is RunStatus.SUCCEEDED
    assert [history.count(step) for step in ("preflight", "analyze", "plan", "patch")] == [1, 1, 1, 1]


def test_an_approval_that_lapsed_writes_nothing(shop: ComposeSandbox, operator: Operator) -> None:
    """Valid when it was given, no longer when the first file would be written: ``rejected``, untouched."""
    assert operator.policy is not None
    text = operator.policy.read_text()
    operator.write_policy(text.replace("approvals:\n", "approvals:\n  validity_seconds: 0.05\n"))
    untouched = everything(shop)
    with operator.dev(shop.directory), watching(shop.directory) as written:
        waiting = waiting_run(operator)
        token = _signed(operator, waiting, "alice")
        answer = temporal_cli.update(operator, waiting.workflow_id, "Approve", {"token": token})
        assert (answer["verdict"], answer["signed"]) == ("approved", True)
        record = finished(operator, waiting.run_id, 6)
    assert (record.status, record.code) == (RunStatus.REJECTED, "approval_expired")
    assert record.files_touched == ()
    assert written == []
    assert everything(shop) == untouched


def test_a_planned_run_is_approved_in_advance(shop: ComposeSandbox, operator: Operator) -> None:
    """``--plan-only``, a pre-approval of that plan, then one request that carries it and waits for nobody.

    It names no run, so single use is all that keeps it from a second one: a replay, and nothing is written.
    """
    manifest = shop.directory / "api/requirements.txt"
    before = manifest.read_bytes()
    with operator.dev(shop.directory):
        planned = operator.command("run", "api", REPAIR, "--plan-only", "--json").record
        assert planned.status is RunStatus.PLANNED
        token = _signed(operator, planned, "alice", "--pre-approve")
        ran = operator.command("run", "api", REPAIR, "--json", "--approval-token", token)
        assert ran.code == 0, ran.stderr
        assert ran.record.plan is not None
        assert planned.plan is not None
        assert ran.record.plan.digest == planned.plan.digest
        assert [(a.approver, a.signed) for a in ran.record.approvals] == [("alice", True)]
        assert token.rpartition(".")[2] not in ran.stdout
        assert manifest.read_bytes() != before
        manifest.write_bytes(before)
        shop.compose("up", "-d", "--build", "api")
        with watching(shop.directory) as written:
            again = waiting_run(operator, "--approval-token", token)
            assert again.plan is not None
            assert again.plan.digest == planned.plan.digest
            record = _with_an_attempt(operator, again.run_id)
            assert [(a.verdict, a.code) for a in record.approvals] == [(Verdict.REFUSED, "token_replayed")]
            assert operator.command("cancel", again.run_id).code == 0
            finished(operator, again.run_id, 6)
        assert written == []


def _with_an_attempt(operator: Operator, run: str) -> RunRecord:
    """The record once the token that the request brought was checked."""
    deadline = time.monotonic() + 30
    while not (record := operator.show(run)).approvals:
        assert time.monotonic() < deadline, "no attempt went on record"
        time.sleep(0.2)
    return record
