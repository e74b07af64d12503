"""A signed approval token, as the workflow hands it on and hears of it (SPEC FR-009, I2)."""

from datetime import datetime
from enum import StrEnum

from workflows.models.base import Model


class Act(StrEnum):
    """What a token is for."""

    APPROVE = "approve"
    REJECT = "reject"


class CheckTokenInput(Model):
    """What the token must be bound to.

    The token stands in the history twice, in the client's own signal or update and here. It is good for
    one use, by this run alone.
    """

    run_id: str
    project: str
    service: str
    plan_digest: str
    act: Act
    token: str
    attempt: str
    """Names this very attempt: tried again by a second worker it is not a second use."""
    pre_approved: bool = False
    """True: it came with the request, so it names no run; it may name the supplied patch."""
    patch_sha256: str | None = None


class TokenChecked(Model):
    """Who signed; or, with a ``code``, why the token does not count."""

    code: str | None = None
    message: str = ""
    approver: str | None = None
    """As the token says; proved only where ``code`` is None."""
    token_id: str | None = None
    """Beginning of the SHA-256 of its ``jti``: enough to recognise it, useless to anybody else."""
    expires_at: datetime | None = None
    """Until when it could be presented."""
    key: str | None = None
    """Which key signed: the beginning of the SHA-256 of the public key, or ``shared secret``."""
    plan_digest: str | None = None
    """The plan it was checked against."""
