"""Signed approval tokens: verified against the policy's keys (SPEC FR-009, I2).

The policy decides which algorithm counts for whom, never the token: ``EdDSA`` for an identity with a key
of its own, ``HS256`` only for one without, where a shared secret is configured. Key hints in the token's
header are not looked at. Roles are not the token's business either.
"""

import base64
import hashlib
import json
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from workflows.errors import OrchestratorError
from workflows.models.policy import Policy
from workflows.models.token import Act, CheckTokenInput

AUDIENCE: Final = "mm-orchestrator"
MAX_TOKEN_CHARACTERS: Final = 8192
MIN_SECRET_BYTES: Final = 32
LONGEST_LIFE: Final = timedelta(days=30)
_LEEWAY_SECONDS: Final = 30
_REQUIRED: Final = ("iss", "sub", "aud", "service", "plan_digest", "exp", "jti")
_TOKEN_ID_CHARACTERS: Final = 16
_SHOWN_CHARACTERS: Final = 100


@dataclass(frozen=True)
class Verified:
    """What a good token proves."""

    approver: str
    jti: str
    expires_at: datetime
    key: str
    """Which key signed, recognisable: ``TokenChecked.key``."""

    @property
    def digest(self) -> str:
        """Names the token without being it: one per approver and ``jti``, however it is spelled."""
        return hashlib.sha256(f"{self.approver}\0{self.jti}".encode()).hexdigest()

    @property
    def token_id(self) -> str:
        """The beginning of ``digest``: enough to recognise the token on record."""
        return self.digest[:_TOKEN_ID_CHARACTERS]


def claimed_approver(token: str) -> str | None:
    """Who the token says it is from, unproved: for the record of a refusal."""
    try:
        told = _text(_unverified(token)[1].get("sub"))
        return told if told is None else told[:_SHOWN_CHARACTERS]
    except OrchestratorError:
        return None


def verify(job: CheckTokenInput, policy: Policy) -> Verified:
    """Check signature, lifetime and what the token is bound to.

    Raises:
        OrchestratorError: ``token_malformed``, ``approver_unknown``, ``approver_key_missing``,
            ``token_algorithm_refused``, ``token_signature_invalid``, ``token_expired``,
            ``token_not_yet_valid``, ``token_mismatch``, ``plan_digest_mismatch``, ``secret_unreadable``.
    """
    header, claimed = _unverified(job.token)
    approver = _text(claimed.get("sub")) or ""
    if approver not in policy.identities:
        raise OrchestratorError("approver_unknown", approver=approver[:100] or "nobody")
    algorithm, key = _key(policy, approver)
    if header.get("alg") != algorithm:
        told = str(header.get("alg"))[:20]
        raise OrchestratorError(
            "token_algorithm_refused", algorithm=told, approver=approver, wanted=algorithm
        )
    claims = _decode(job.token, key, algorithm, approver)
    if approver in policy.approvers and claims["iss"] != approver:
        raise OrchestratorError("token_mismatch", what="issuer than the one who signs")
    expires_at = _expiry(int(claims["exp"]))
    _require_bound(claims, job)
    return Verified(approver, str(claims["jti"]), expires_at, _fingerprint(key))


def _expiry(exp: int) -> datetime:
    """Compared as a number first: a far one has no date."""
    if exp > (datetime.now(UTC) + LONGEST_LIFE).timestamp():
        raise OrchestratorError("token_malformed", detail="it would be valid for more than 30 days")
    return datetime.fromtimestamp(exp, UTC)


def _fingerprint(key: Ed25519PublicKey | bytes) -> str:
    if isinstance(key, bytes):
        return "shared secret"
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:_TOKEN_ID_CHARACTERS]


def _unverified(token: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Header and claims as they stand there; only to find out whose key has to be used."""
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise OrchestratorError("token_malformed", detail="it is too long")
    try:
        parsed = jwt.decode_complete(token, options={"verify_signature": False})
        json.dumps([parsed["header"], parsed["payload"]], ensure_ascii=False).encode()  # no half characters
    except (jwt.InvalidTokenError, ValueError, RecursionError) as error:
        raise OrchestratorError("token_malformed", detail="it cannot be taken apart") from error
    header, claims = parsed["header"], parsed["payload"]
    if not isinstance(header, dict) or not isinstance(claims, dict) or "crit" in header:
        raise OrchestratorError("token_malformed", detail="its header or claims are not plain")
    return header, claims


def _key(policy: Policy, approver: str) -> tuple[str, Ed25519PublicKey | bytes]:
    own = policy.approvers.get(approver)
    if own is not None:
        return "EdDSA", Ed25519PublicKey.from_public_bytes(base64.b64decode(own.public_key))
    if policy.approvals.shared_secret_file is None:
        raise OrchestratorError("approver_key_missing", approver=approver)
    return "HS256", read_secret(Path(policy.approvals.shared_secret_file))


def read_secret(path: Path) -> bytes:
    """The shared secret, from a file that nobody else can read.

    Raises:
        OrchestratorError: ``secret_unreadable``.
    """
    try:
        status = path.stat()
        secret = path.read_bytes().strip()
    except OSError as error:
        raise OrchestratorError("secret_unreadable", detail=error.strerror or str(error)) from error
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise OrchestratorError("secret_unreadable", detail="others can read the file")
    if len(secret) < MIN_SECRET_BYTES:
        raise OrchestratorError("secret_unreadable", detail="it is too short")
    return secret


def _decode(token: str, key: Ed25519PublicKey | bytes, algorithm: str, approver: str) -> Mapping[str, Any]:
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=AUDIENCE,
            leeway=_LEEWAY_SECONDS,
            options={"require": list(_REQUIRED)},
        )
    except jwt.ExpiredSignatureError as error:
        raise OrchestratorError("token_expired") from error
    except jwt.ImmatureSignatureError as error:
        raise OrchestratorError("token_not_yet_valid") from error
    except jwt.InvalidAudienceError as error:
        raise OrchestratorError("token_mismatch", what="audience") from error
    except jwt.InvalidSignatureError as error:
        raise OrchestratorError("token_signature_invalid", approver=approver) from error
    except jwt.InvalidKeyError as error:
        raise OrchestratorError("secret_unreadable", detail="it looks like a public key") from error
    except (jwt.InvalidTokenError, ValueError) as error:
        raise OrchestratorError("token_malformed", detail=str(error)[:100]) from error
    for name in ("iss", "jti"):
        if not _text(claims[name]):
            raise OrchestratorError("token_malformed", detail=f"{name} is not a text")
    return claims


def _require_bound(claims: Mapping[str, Any], job: CheckTokenInput) -> None:
    bound = {"service": job.service, "act": job.act.value, "project": job.project}
    told = {"act": Act.APPROVE.value, "project": job.project, **claims}
    for what, wanted in bound.items():
        if told[what] != wanted:
            raise OrchestratorError("token_mismatch", what="decision" if what == "act" else what)
    if job.pre_approved:
        if "run_id" in claims:
            raise OrchestratorError("token_mismatch", what="run")
        if "project" not in claims:
            raise OrchestratorError("token_malformed", detail="a pre-approval names its project")
    elif claims.get("run_id") != job.run_id:
        raise OrchestratorError("token_mismatch", what="run")
    patch = job.patch_sha256 if job.pre_approved else None
    if _text(claims["plan_digest"]) is None or claims["plan_digest"] not in (job.plan_digest, patch):
        raise OrchestratorError("plan_digest_mismatch")


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
