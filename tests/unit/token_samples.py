"""Approvers with keys, a policy that knows them, and tokens of every kind, good and bad."""

import base64
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from workflows.models.policy import ApprovalPolicy, ApproverKey, Policy
from workflows.models.token import Act, CheckTokenInput

RUN, PROJECT, SERVICE, DIGEST = "run-1", "shop", "api", "d" * 64
ADA, GRACE, SECRETLESS = "ada@example.org", "grace@example.org", "edsger@example.org"
ADAS_KEY, MALLORYS_KEY = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
SHARED = b"canary-shared-secret-of-40-bytes-or-more"


def raw_public(key: Ed25519PrivateKey) -> bytes:
    """The 32 bytes of the public half."""
    return key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def pem_public(key: Ed25519PrivateKey) -> bytes:
    """The public half as text, as an attacker could read it in a policy."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form)


def policy(secret_file: Path | None = None) -> Policy:
    """Ada signs with her key; Grace with the shared secret, where there is one."""
    return Policy(
        roles={"sre": (ADA, GRACE)},
        approvers={ADA: ApproverKey(public_key=base64.b64encode(raw_public(ADAS_KEY)).decode())},
        approvals=ApprovalPolicy(shared_secret_file=None if secret_file is None else str(secret_file)),
    )


def claims(**changes: Any) -> dict[str, Any]:
    """Claims that fit; None takes one away."""
    now = int(time.time())
    usual = {
        "iss": ADA, "sub": ADA, "aud": "mm-orchestrator", "run_id": RUN, "project": PROJECT,
        "service": SERVICE, "plan_digest": DIGEST, "iat": now, "exp": now + 600, "jti": uuid4().hex,
        "act": "approve",
    }  # fmt: skip
    return {name: value for name, value in (usual | changes).items() if value is not None}


def token(key: Any = ADAS_KEY, algorithm: str = "EdDSA", headers: Any = None, **changes: Any) -> str:
    """A signed token."""
    return jwt.encode(claims(**changes), key, algorithm=algorithm, headers=headers)


def job(signed: str, **changes: Any) -> CheckTokenInput:
    """What the token must be bound to."""
    usual: dict[str, Any] = {
        "run_id": RUN, "project": PROJECT, "service": SERVICE, "plan_digest": DIGEST, "act": Act.APPROVE,
        "token": signed, "attempt": "execution:1",
    }  # fmt: skip
    return CheckTokenInput(**(usual | changes))
