"""Signed approvals: exactly the right token counts, once; everything else is refused by name (I2)."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.adapters.approval_tokens import claimed_approver, verify
from activities.adapters.policy_file import PolicySource
from activities.adapters.state_dir import StateDir
from activities.adapters.used_tokens import UsedTokens
from activities.check_token import CheckToken
from starter.signing import Binding, key_path, new_key, sign
from tests.unit import token_samples as samples
from tests.unit.token_samples import ADA, ADAS_KEY, DIGEST, GRACE, MALLORYS_KEY, SHARED, claims, job, token
from workflows.errors import OrchestratorError
from workflows.models.policy import ApproverKey
from workflows.models.token import Act


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    """The shared secret, private."""
    path = tmp_path / "approvals.secret"
    path.write_bytes(SHARED + b"\n")
    path.chmod(0o600)
    return path


def code_of(signed: str, secret: Path | None = None, **bound: Any) -> str:
    """Why a token is refused."""
    with pytest.raises(OrchestratorError) as caught:
        verify(job(signed, **bound), samples.policy(secret))
    return caught.value.code


def test_the_right_token_counts(secret_file: Path) -> None:
    """With a key of one's own, and with the shared secret for whoever has none."""
    assert verify(job(token()), samples.policy()).approver == ADA
    graces = token(SHARED, "HS256", sub=GRACE, iss="moonmind")
    assert verify(job(graces), samples.policy(secret_file)).approver == GRACE
    rejecting = token(act="reject")
    assert verify(job(rejecting, act=Act.REJECT), samples.policy()).approver == ADA


BAD_CLAIMS = [
    ({"exp": 1}, "token_expired"),
    ({"exp": 4102444800}, "token_malformed"),
    ({"nbf": 4102444800}, "token_not_yet_valid"),
    ({"aud": "another-tool"}, "token_mismatch"),
    ({"run_id": "run-2"}, "token_mismatch"),
    ({"run_id": None}, "token_mismatch"),
    ({"service": "worker"}, "token_mismatch"),
    ({"project": "other"}, "token_mismatch"),
    ({"act": "reject"}, "token_mismatch"),
    ({"iss": GRACE}, "token_mismatch"),
    ({"plan_digest": "e" * 64}, "plan_digest_mismatch"),
    ({"plan_digest": [DIGEST]}, "plan_digest_mismatch"),
    ({"sub": "mallory"}, "approver_unknown"),
    ({"sub": GRACE, "iss": GRACE}, "approver_key_missing"),
    ({"jti": ""}, "token_malformed"),
    ({"exp": "soon"}, "token_malformed"),
    *(({name: None}, "token_malformed") for name in ("iss", "aud", "service", "plan_digest", "exp", "jti")),
    ({"sub": None}, "approver_unknown"),
]


@pytest.mark.parametrize(("changes", "code"), BAD_CLAIMS, ids=lambda value: str(value)[:40])
def test_a_token_for_anything_else_is_refused(changes: dict[str, Any], code: str) -> None:
    """Every claim binds; a list where a text belongs compares with nothing."""
    assert code_of(token(**changes)) == code


def test_the_algorithm_is_the_policys_choice(secret_file: Path) -> None:
    """Neither ``none`` nor RS256, nor HS256 with the public key, nor the shared secret for one with a key."""
    rsa_key = rsa.generate_private_key(65537, 2048)
    public = samples.raw_public(ADAS_KEY)
    forged = {
        "none": jwt.encode(claims(), None, algorithm="none"),
        "rs256": token(rsa_key, "RS256"),
        "hs256 with the raw public key": _hs256(public),
        "hs256 with its base64": _hs256(base64.b64encode(public)),
        "hs256 with its pem": _hs256(samples.pem_public(ADAS_KEY)),
        "hs256 with the shared secret": token(SHARED, "HS256"),
        "eddsa for whoever has no key": token(MALLORYS_KEY, sub=GRACE, iss=GRACE),
    }
    for name, signed in forged.items():
        assert code_of(signed, secret_file) == "token_algorithm_refused", name


def _hs256(key: bytes) -> str:
    """By hand: the library itself refuses to sign with a public key."""
    import hmac  # noqa: PLC0415

    parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "typ": "JWT"}, claims())]
    text = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    mac = hmac.new(key, text, hashlib.sha256).digest()
    return (text + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()


def test_keys_that_a_token_brings_along_are_not_looked_at() -> None:
    """``jwk``, ``jku``, ``x5u`` and ``kid`` in the header change nothing."""
    own = {"kty": "OKP", "crv": "Ed25519", "x": base64.b64encode(samples.raw_public(MALLORYS_KEY)).decode()}
    for headers in ({"jwk": own}, {"jku": "https://mallory.example/keys"}, {"kid": "../../keys/mallory.key"}):
        assert code_of(token(MALLORYS_KEY, headers=headers)) == "token_signature_invalid"
        assert verify(job(token(headers=headers)), samples.policy()).approver == ADA
    assert code_of(token(headers={"crit": ["exp"]})) == "token_malformed"


def test_somebody_elses_signature_is_refused(secret_file: Path) -> None:
    """Also with another secret of the same length."""
    assert code_of(token(MALLORYS_KEY)) == "token_signature_invalid"
    other = token(b"x" * len(SHARED), "HS256", sub=GRACE)
    assert code_of(other, secret_file) == "token_signature_invalid"


@pytest.mark.parametrize(
    "text", ["", "x", "a.b", "a.b.c", "a.b.c.d", "é.é.é", "." * 50, "x" * 9000, "\0.\0.\0"]
)
def test_what_is_no_token_is_refused(text: str) -> None:
    """Whatever is sent, nothing but a refusal comes of it."""
    assert code_of(text) == "token_malformed"
    assert claimed_approver(text) is None


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, 10_000), change=st.characters(codec="ascii"), cut=st.booleans())
def test_no_altered_token_verifies(at: int, change: str, cut: bool) -> None:
    """One character more, less or other anywhere: refused, or the very same token in another spelling."""
    good = token()
    place = at % len(good)
    altered = good[:place] + ("" if cut else change) + good[place + 1 :]
    try:
        verified = verify(job(altered), samples.policy())
    except OrchestratorError:
        return
    assert jwt.decode_complete(altered, options={"verify_signature": False}) == jwt.decode_complete(
        good, options={"verify_signature": False}
    ), "another content verified"
    assert verified.approver == ADA


def test_a_secret_that_others_can_read_is_not_used(secret_file: Path) -> None:
    """Nor one that is short, or gone."""
    graces = token(SHARED, "HS256", sub=GRACE)
    secret_file.chmod(0o644)
    assert code_of(graces, secret_file) == "secret_unreadable"
    secret_file.chmod(0o600)
    secret_file.write_bytes(b"short")
    assert code_of(graces, secret_file) == "secret_unreadable"
    secret_file.unlink()
    assert code_of(graces, secret_file) == "secret_unreadable"


def test_a_pre_approval_names_project_and_plan_but_no_run() -> None:
    """Or the supplied patch; sent as a signal it is refused, and a run's token is no pre-approval."""
    early = token(run_id=None)
    assert verify(job(early, pre_approved=True), samples.policy()).approver == ADA
    assert code_of(early) == "token_mismatch"
    assert code_of(token(), pre_approved=True) == "token_mismatch"
    assert code_of(token(run_id=None, project=None), pre_approved=True) == "token_malformed"
    patch = hashlib.sha256(b"--- a\n+++ b\n").hexdigest()
    of_patch = token(run_id=None, plan_digest=patch)
    assert verify(job(of_patch, pre_approved=True, patch_sha256=patch), samples.policy()).approver == ADA
    assert code_of(of_patch, pre_approved=True) == "plan_digest_mismatch"
    assert code_of(token(plan_digest=patch), patch_sha256=patch) == "plan_digest_mismatch"


def test_a_token_is_used_up(tmp_path: Path) -> None:
    """By whichever worker; only the very same attempt may be tried again."""
    state = StateDir(tmp_path / "state")
    good = verify(job(token()), samples.policy())
    UsedTokens(state).use(good, "execution:1")
    UsedTokens(state).use(good, "execution:1")
    for attempt in ("execution:2", "another:1"):
        with pytest.raises(OrchestratorError, match="token_replayed"):
            UsedTokens(state).use(good, attempt)
    (kept,) = state.used_tokens.iterdir()
    assert good.jti not in kept.name + kept.read_text()


async def test_the_step_reads_the_policy_as_it_is_now(tmp_path: Path) -> None:
    """A key that was taken out of the policy does not count any more; the answer holds no token."""
    new = new_key(ADA, tmp_path / "keys")
    text = (
        f"roles:\n  sre: [{ADA}]\napprovers:\n  {ADA}:\n    public_key: {new.public_key}\n"
        "projects:\n  shop:\n    workspace: /srv/shop\n"
    )
    file = tmp_path / "policy.yaml"
    file.write_text(text)
    step = CheckToken(PolicySource(path=file), UsedTokens(StateDir(tmp_path / "state")))
    signed = [sign(new.path, ADA, Binding("shop", "api", DIGEST, "run-1")) for _ in range(2)]
    checked = await step.check_token(job(signed[0]))
    assert (checked.code, checked.approver, checked.plan_digest) == (None, ADA, DIGEST)
    assert signed[0] not in checked.model_dump_json()
    file.write_text(text.replace(new.public_key, new_key("other", tmp_path).public_key))
    checked = await step.check_token(job(signed[1]))
    assert (checked.code, checked.approver) == ("token_signature_invalid", ADA)


def test_a_key_is_private_and_never_overwritten(tmp_path: Path) -> None:
    """Mode 0600, one file per identity, whatever characters that has."""
    made = new_key("ada/../x@example.org", tmp_path / "keys")
    assert made.path.parent == tmp_path / "keys"
    assert made.path.stat().st_mode & 0o777 == 0o600
    assert ApproverKey(public_key=made.public_key)
    before = made.path.read_bytes()
    with pytest.raises(OrchestratorError, match="key_exists"):
        new_key("ada/../x@example.org", tmp_path / "keys")
    assert made.path.read_bytes() == before
    assert key_path("..", tmp_path).parent == tmp_path
    made.path.chmod(0o640)
    with pytest.raises(OrchestratorError, match="key_unreadable"):
        sign(made.path, ADA, Binding("shop", "api", DIGEST))
