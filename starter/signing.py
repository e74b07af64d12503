"""Keys and tokens of approvers: made and used on the approver's own machine (SPEC FR-009, I2).

A personal key signs with Ed25519 (``EdDSA``); a file that is no key is taken for the shared secret
(``HS256``). What a token may do is decided where it is verified, by the policy.
"""

import base64
import os
import re
import secrets
import stat
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from workflows.errors import OrchestratorError
from workflows.models.token import Act

AUDIENCE: Final = "mm-orchestrator"
KEYS_DIRECTORY: Final = "keys"
VALID_FOR: Final = timedelta(minutes=15)
LONGEST: Final = timedelta(days=30)
_PEM: Final = b"-----BEGIN"


@dataclass(frozen=True)
class NewKey:
    """A key pair: where the private half lies, and the public half for the policy."""

    path: Path
    public_key: str
    """Base64 of the raw 32 bytes."""


@dataclass(frozen=True)
class Binding:
    """What a token is good for, and nothing else."""

    project: str
    service: str
    plan_digest: str
    run_id: str | None = None
    """None: a pre-approval, for a request that has no run yet."""
    act: Act = Act.APPROVE


def new_key(identity: str, directory: Path) -> NewKey:
    """Make a key pair; the private half is a file of mode 0600.

    Raises:
        OrchestratorError: ``key_exists``: a key is never overwritten; ``write_failed``.
    """
    path = key_path(identity, directory)
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise OrchestratorError("key_exists", path=path) from None
    except OSError as error:
        raise OrchestratorError("write_failed", detail=f"{path}: {error.strerror or error}") from error
    _fill(descriptor, pem, path)
    raw = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return NewKey(path=path, public_key=base64.b64encode(raw).decode())


def _fill(descriptor: int, pem: bytes, path: Path) -> None:
    """A half-written key would stand in the way of the next one."""
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        path.unlink(missing_ok=True)
        raise OrchestratorError("write_failed", detail=f"{path}: {error.strerror or error}") from error


def key_path(identity: str, directory: Path) -> Path:
    """Where the key of an identity lies; what cannot stand in a file's name becomes ``_``."""
    return directory / (re.sub(r"[^A-Za-z0-9@._-]", "_", identity).lstrip(".") + ".key")


def sign(key: Path, approver: str, binding: Binding, valid_for: timedelta = VALID_FOR) -> str:
    """A token for one use.

    Args:
        key: a file of ``new_key``, or the shared secret.
        approver: the identity that policy knows.
        binding: the run and the plan.
        valid_for: how long it may be presented, at most 30 days.

    Raises:
        OrchestratorError: ``key_unreadable``.
    """
    now = datetime.now(UTC)
    claims: dict[str, object] = {
        "iss": approver,
        "sub": approver,
        "aud": AUDIENCE,
        "iat": int(now.timestamp()),
        "exp": int((now + min(valid_for, LONGEST)).timestamp()),
        "jti": secrets.token_urlsafe(24),
        "project": binding.project,
        "service": binding.service,
        "plan_digest": binding.plan_digest,
        "act": binding.act.value,
    }
    if binding.run_id is not None:
        claims["run_id"] = binding.run_id
    content = _private(key)
    if not content.startswith(_PEM):
        return jwt.encode(claims, content.strip(), algorithm="HS256")
    try:
        private = serialization.load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise OrchestratorError("key_unreadable", path=key, detail="it is no private key") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise OrchestratorError("key_unreadable", path=key, detail="it is no Ed25519 key")
    return jwt.encode(claims, private, algorithm="EdDSA")


def _private(path: Path) -> bytes:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        content = path.read_bytes()
    except OSError as error:
        detail = error.strerror or str(error)
        raise OrchestratorError("key_unreadable", path=path, detail=detail) from error
    if mode & 0o077:
        raise OrchestratorError("key_unreadable", path=path, detail="others can read it: chmod 600")
    return content
