"""Tokens that somebody built to do harm: whatever stands in them, the answer is a plain refusal (I2, I4).

An answer that cannot be told would be tried again and again while others wait for their turn.
"""

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.adapters.approval_tokens import Verified, verify
from activities.adapters.policy_file import PolicySource
from activities.adapters.state_dir import StateDir
from activities.adapters.used_tokens import UsedTokens
from activities.check_token import CheckToken
from tests.unit import token_samples as samples
from tests.unit.token_samples import ADA, ADAS_KEY, MALLORYS_KEY, claims, job, token
from workflows.errors import OrchestratorError
from workflows.models.token import TokenChecked

HEADER = {"alg": "EdDSA", "typ": "JWT"}


def built(header: object, payload: object, key: Ed25519PrivateKey = ADAS_KEY) -> str:
    """A token of anything at all, rightly signed; a text is taken as the JSON itself."""
    texts = [part if isinstance(part, str) else json.dumps(part) for part in (header, payload)]
    signed = b".".join(base64.urlsafe_b64encode(text.encode()).rstrip(b"=") for text in texts)
    return (signed + b"." + base64.urlsafe_b64encode(key.sign(signed)).rstrip(b"=")).decode()


def literal(**changes: str) -> str:
    """The usual claims as JSON, some with a value that no JSON writer would write."""
    text = json.dumps(claims() | {name: f"@{name}@" for name in changes})
    for name, value in changes.items():
        text = text.replace(f'"@{name}@"', value)
    return text


@pytest.fixture
def step(tmp_path: Path) -> CheckToken:
    """The real step, with a policy file and a state directory."""
    file = tmp_path / "policy.yaml"
    public = base64.b64encode(samples.raw_public(ADAS_KEY)).decode()
    file.write_text(f"roles:\n  sre: [{ADA}]\napprovers:\n  {ADA}:\n    public_key: {public}\n")
    return CheckToken(PolicySource(path=file), UsedTokens(StateDir(tmp_path / "state")))


async def answer(step: CheckToken, signed: str) -> TokenChecked:
    """What the workflow hears, after it went over the wire."""
    checked = await step.check_token(job(signed))
    return TokenChecked.model_validate_json(checked.model_dump_json())


NUMBERS = ("1e400", "1e18", "1" + "0" * 300, "1" + "0" * 5000, "NaN", "-1e300", "[1]", "{}", "null", "true")


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number[:8] + str(len(number)))
async def test_a_time_that_is_none(step: CheckToken, claim: str, number: str) -> None:
    """Too large for a date, infinite, no number: refused; only what is no demand at all may pass."""
    code = (await answer(step, built(HEADER, literal(**{claim: number})))).code
    allowed = {None} if claim != "exp" and number in {"-1e300", "null", "true"} else set()
    assert code in {"token_malformed", "token_expired", "token_not_yet_valid"} | allowed


@pytest.mark.parametrize("claim", ["sub", "jti", "iss", "service", "run_id", "note"])
async def test_half_a_character(step: CheckToken, claim: str) -> None:
    """A lone surrogate is valid JSON that no answer and no file can hold."""
    checked = await answer(step, built(HEADER, literal(**{claim: r'"\ud800"'})))
    assert checked.code == "token_malformed"


@pytest.mark.parametrize(
    "header",
    [
        r'{"alg":"\ud800"}', '{"alg":["EdDSA"]}', "{}", "[]", '{"alg":"EdDSA","b64":false}',
        '{"alg":"eddsa"}',
        '{"alg":"EdDSA","kid":5}', '{"alg":"EdDSA","crit":["exp"]}', '{"alg":"EdDSA","alg":"none"}',
        "[" * 3000 + "]" * 3000, '{"alg":"Ed25519"}',
    ],
    ids=lambda header: header[:30],
)  # fmt: skip
async def test_a_header_that_is_none(step: CheckToken, header: str) -> None:
    """Nothing but the one algorithm that policy has for the approver, said once and plainly."""
    checked = await answer(step, built(header, claims()))
    assert checked.code in {"token_malformed", "token_algorithm_refused"}


_TEXTS = st.text(max_size=12) | st.sampled_from([ADA, "run-1", "shop", "api", "approve", "mm-orchestrator"])
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=6,
)
_CLAIMS = st.dictionaries(st.sampled_from(sorted(claims())), _JSON, max_size=4)
_HINTS = st.sampled_from(["kid", "jku", "jwk", "x5u", "typ", "cty", "zip", "alg"])
_HEADERS = st.dictionaries(_HINTS, _JSON, max_size=2)


@settings(max_examples=400, deadline=None)
@given(changed=_CLAIMS, header=_HEADERS, own=st.booleans())
def test_whatever_stands_in_it_only_the_bound_token_counts(
    changed: dict[str, Any], header: dict[str, Any], own: bool
) -> None:
    """Any claims under any header: it verifies only with the right key and every binding as it must be."""
    usual = claims()
    told = usual | changed
    signed = built(HEADER | header, told, ADAS_KEY if own else MALLORYS_KEY)
    try:
        verified = verify(job(signed), samples.policy())
    except OrchestratorError as error:
        json.dumps(error.message, ensure_ascii=False).encode()
        return
    assert own
    assert verified.approver == ADA == told["iss"]
    assert (HEADER | header)["alg"] == "EdDSA"
    for name in ("sub", "run_id", "project", "service", "plan_digest", "act"):
        assert told[name] == usual[name], name
    assert told["aud"] == usual["aud"] or usual["aud"] in told["aud"]


def test_one_token_sent_by_many_at_once_is_used_once(tmp_path: Path) -> None:
    """Twenty attempts race for it: one wins, nineteen are replays."""
    state = StateDir(tmp_path / "state")
    good = verify(job(token()), samples.policy())

    def attempt(number: int) -> str:
        try:
            UsedTokens(state).use(good, f"execution:{number}")
        except OrchestratorError as error:
            return error.code
        return "used"

    with ThreadPoolExecutor(20) as pool:
        told = list(pool.map(attempt, range(20)))
    assert sorted(told) == ["token_replayed"] * 19 + ["used"]


def test_tokens_are_forgotten_long_after_nobody_can_use_them(tmp_path: Path) -> None:
    """A day beyond their end, so that a clock that is put back an hour revives none; damage frees none."""
    used = UsedTokens(StateDir(tmp_path / "state"))
    now = datetime.now(UTC)

    def ended(jti: str, ago: timedelta) -> Verified:
        return Verified(approver=ADA, jti=jti, expires_at=now - ago, key="k")

    old, recent, damaged = (ended(jti, timedelta(hours=h)) for jti, h in (("a", 25), ("b", 23), ("c", 0)))
    for seen in (old, recent, damaged):
        used.use(seen, "execution:1")
    (used.state.used_tokens / damaged.digest).write_bytes(b"{")
    used.use(ended("d", timedelta(0)), "execution:2")
    kept = {path.name for path in used.state.used_tokens.iterdir()}
    assert old.digest not in kept
    assert {recent.digest, damaged.digest} < kept
    with pytest.raises(OrchestratorError, match="token_replayed"):
        used.use(damaged, "execution:1")


async def test_a_replay_names_the_token_that_was_used(step: CheckToken) -> None:
    """The record of the refusal and that of the approval show the same id, key and end."""
    signed = token()
    first = await answer(step, signed)
    again = TokenChecked.model_validate(
        (await step.check_token(job(signed, attempt="execution:2"))).model_dump()
    )
    assert (first.code, again.code) == (None, "token_replayed")
    assert first.key is not None
    assert (first.token_id, first.key, first.expires_at) == (again.token_id, again.key, again.expires_at)
    assert signed.split(".")[1] not in first.model_dump_json() + again.model_dump_json()
