"""Approvals and refusals, all of them on record (SPEC FR-009)."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from workflows.models.base import Model


class Approve(BaseModel):
    """Payload of the ``Approve`` signal and update; every field optional so none is dropped."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    token: str | None = None
    approver: str | None = None
    plan_digest: str | None = None
    comment: str | None = None


class Reject(BaseModel):
    """Payload of the ``Reject`` signal and update."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    token: str | None = None
    approver: str | None = None
    reason: str | None = None


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
