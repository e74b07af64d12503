"""Keys and signed decisions as an approver types them, checked by the real step (SPEC FR-009, I2)."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest

from activities.adapters.policy_file import PolicySource, check_policy
from activities.adapters.state_dir import StateDir
from activities.adapters.used_tokens import UsedTokens
from activities.check_token import CheckToken
from starter.cli.exit_codes import ExitCode
from tests.unit.cli_stage import EvidenceHost, Operator, Stage
from tests.workflow.scripted_host import GATE
from workflows.models.policy import Trust
from workflows.models.status import RunStatus

SIGNED = GATE.model_copy(update={"trust": Trust.SIGNED})


@pytest.fixture
def operator(stage: Stage, tmp_path: Path) -> Operator:
    """Dave requests; alice and bob are at other terminals with state directories of their own."""
    return Operator(stage, tmp_path / "dave")


@pytest.fixture
def alice(stage: Stage, tmp_path: Path) -> Operator:
    """An approver with a key in its usual place."""
    made = Operator(stage, tmp_path / "alice")
    made.user = "alice"
    new = made.types("keys", "new", "alice")
    assert new.exit_code == ExitCode.OK
    (tmp_path / "policy.yaml").write_text(
        "projects:\n  shop:\n    workspace: /srv/shop\n"
        "roles:\n  sre: [alice, bob]\napprovals:\n  approver_roles: [sre]\n" + new.stdout
    )
    return made


@pytest.fixture
def host(stage: Stage, tmp_path: Path, operator: Operator, alice: Operator) -> Iterator[EvidenceHost]:
    """A scripted host that checks tokens for real, by the policy that has alice's key."""
    scripted = EvidenceHost(operator.state, gate=SIGNED)
    policies = PolicySource(path=tmp_path / "policy.yaml")
    check = CheckToken(policies, UsedTokens(StateDir(tmp_path / "worker")))
    scripted.answers["check_token"] = check.check_token
    with stage.serving(scripted):
        yield scripted


def test_what_keys_new_prints_makes_a_valid_policy(alice: Operator, tmp_path: Path) -> None:
    """The private half is for its owner only, on no output; a second call does not overwrite it."""
    assert check_policy(tmp_path / "policy.yaml") == ()
    key = alice.state / "keys" / "alice.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    before = key.read_bytes()
    again = alice.types("keys", "new", "alice")
    assert again.exit_code == ExitCode.FAILED
    assert again.stderr.startswith("key_exists: ")
    assert key.read_bytes() == before
    elsewhere = alice.types("keys", "new", 'o\'hara: "x"', "--out", str(tmp_path / "out"))
    assert elsewhere.exit_code == ExitCode.OK
    (made,) = (tmp_path / "out").iterdir()
    secret = made.read_text().splitlines()[1]
    assert secret not in elsewhere.output
    named = tmp_path / "named.yaml"
    named.write_text('roles:\n  sre: ["o\'hara: \\"x\\""]\n' + elsewhere.stdout)
    assert check_policy(named) == ()


def test_a_key_in_its_place_signs_by_itself(host: EvidenceHost, operator: Operator, alice: Operator) -> None:
    """``approve RUN`` is all that alice types; the record says that it was signed."""
    run = operator.starts_a_waiting_run()
    good = alice.types("approve", run, "--yes", "--json")
    assert good.exit_code == ExitCode.OK, good.stderr
    told = json.loads(good.stdout)
    assert (told["verdict"], told["approver"], told["signed"]) == ("approved", "alice", True)
    assert len(told["token_id"]) == len(told["key"]) == 16
    assert alice.types("watch", run).exit_code == ExitCode.OK
    assert "approved by alice, signed" in alice.types("show", run).stdout
    assert "patch" in host.calls


def test_without_a_key_nothing_is_signed(host: EvidenceHost, operator: Operator) -> None:
    """Bob has no key here: a bare name is refused, with how to get one."""
    run = operator.starts_a_waiting_run()
    bare = operator.types("approve", run, "--approver", "bob", "--yes")
    assert bare.exit_code == ExitCode.FAILED
    assert "signature_required: " in bare.stderr
    assert "keys new" in bare.stderr
    assert "patch" not in host.calls


def test_a_key_named_by_its_file_rejects(
    host: EvidenceHost, operator: Operator, alice: Operator, stage: Stage
) -> None:
    """From another terminal, with the approver's name; somebody else's name does not fit the key."""
    run = operator.starts_a_waiting_run()
    key = str(alice.state / "keys" / "alice.key")
    wrong = operator.types("reject", run, "--reason", "no", "--key", key, "--approver", "bob")
    assert wrong.stderr.startswith("approver_key_missing: ")
    result = operator.types("reject", run, "--reason", "not today", "--key", key, "--approver", "alice")
    assert result.exit_code == ExitCode.OK, result.stderr
    assert operator.types("watch", run).exit_code == ExitCode.STOPPED
    record = stage.call(stage.starter().get(run))
    assert record.status is RunStatus.REJECTED
    assert [(a.verdict, a.signed) for a in record.approvals] == [("refused", False), ("rejected", True)]
    assert "patch" not in host.calls


def test_a_printed_token_binds_what_was_asked_for(
    host: EvidenceHost, operator: Operator, alice: Operator
) -> None:
    """One line on stdout and nothing else; run, plan, decision and lifetime are in it."""
    run = operator.starts_a_waiting_run()
    signed = alice.types("keys", "sign", run, "--reject", "--valid-for", "5")
    assert signed.exit_code == ExitCode.OK
    claims = jwt.decode(signed.stdout.strip(), options={"verify_signature": False})
    assert (claims["run_id"], claims["act"], claims["sub"]) == (run, "reject", "alice")
    assert claims["exp"] - claims["iat"] == 300
    pre_approval = alice.types("keys", "sign", run, "--pre-approve").stdout.strip()
    early = jwt.decode(pre_approval, options={"verify_signature": False})
    assert "run_id" not in early
    assert early["plan_digest"] == claims["plan_digest"]
    assert early["jti"] != claims["jti"]
    refused = alice.types("approve", run, "--yes", "--token", signed.stdout.strip())
    assert "\ntoken_mismatch: " in refused.stderr


def test_keys_that_cannot_be_used(host: EvidenceHost, operator: Operator, alice: Operator) -> None:
    """Gone, readable by others, or no key at all: said in a line, nothing is sent."""
    run = operator.starts_a_waiting_run()
    key = alice.state / "keys" / "alice.key"
    key.chmod(0o644)
    readable = alice.types("approve", run, "--yes")
    assert readable.stderr.rstrip().splitlines()[-2].startswith("key_unreadable: ")
    key.chmod(0o600)
    key.write_text("-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n")
    assert "key_unreadable: " in alice.types("keys", "sign", run).stderr
    key.unlink()
    assert "key_unreadable: " in alice.types("keys", "sign", run).stderr
    assert "check_token" not in host.asked
