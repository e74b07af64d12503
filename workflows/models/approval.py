"""Approvals and refusals, all of them on record (SPEC FR-009)."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict

from workflows.models.base import Model


def _text(limit: int) -> BeforeValidator:
    return BeforeValidator(lambda value: None if value is None else str(value)[:limit])


LenientText = Annotated[str | None, _text(8192)]
"""Temporal drops a malformed signal silently, so anything is read as text and refused on record."""

Name = Annotated[str | None, _text(300)]
"""Longer than any identity or digest can be, so that what was cut can match none."""

Words = Annotated[str | None, _text(1000)]
"""Every attempt goes on record, and the record must fit into one message of Temporal's."""


class Approve(BaseModel):
    """Payload of the ``Approve`` signal and update; every field optional so none is dropped."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    token: LenientText = None
    approver: Name = None
    plan_digest: Name = None
    comment: Words = None


class Reject(BaseModel):
    """Payload of the ``Reject`` signal and update."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    token: LenientText = None
    approver: Name = None
    reason: Words = None


class Verdict(StrEnum):
    """What became of one attempt."""

    APPROVED = "approved"
    REJECTED = "rejected"
    REFUSED = "refused"


class Approval(Model):
    """One attempt to approve or reject, valid or not."""

    verdict: Verdict
    approver: str | None = None
    roles: tuple[str, ...] = ()
    at: datetime
    plan_digest: str | None = None
    plan_revision: int = 0
    code: str | None = None
    """Why it was refused, from the error catalogue."""
    message: str = ""
    comment: str | None = None
    signed: bool = False
    """Whether a token proved who it was."""
    token_id: str | None = None
    """Recognises the token without being it."""
    token_expires_at: datetime | None = None
    """Until when the token could be presented."""
    key: str | None = None
    """Which key signed: the beginning of the SHA-256 of the public key, or ``shared secret``."""
    valid_until: datetime | None = None
    """Until when an approval counts; the first write must come before."""
