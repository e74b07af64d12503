"""What healthy means and what was measured (SPEC FR-007)."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from workflows.models.base import Model


class Vantage(StrEnum):
    """Whose network namespace a probe is sent from."""

    WORKER = "worker"
    TARGET = "target"


class HttpProbe(BaseModel):
    """One HTTP request that must succeed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Annotated[str, Field(pattern=r"^https?://[^\s/?#@]+([/?#]\S*)?$")]
    """Without credentials: the plan and so the history name it (I5)."""
    status: Annotated[int, Field(ge=100, le=599)] = 200
    body_contains: str | None = None
    vantage: Vantage = Vantage.WORKER
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 2.0


class Verification(BaseModel):
    """When a restarted service counts as repaired."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    http: tuple[HttpProbe, ...] = ()
    max_wait_seconds: Annotated[float, Field(gt=0, le=3600)] = 120.0
    stability_window_seconds: Annotated[float, Field(ge=0, le=600)] = 10.0


class ProbeResult(Model):
    """One measurement of one check."""

    at: datetime
    check: str
    """``state``, ``health`` or ``http <url>``."""
    vantage: Vantage = Vantage.WORKER
    ok: bool
    detail: str
    elapsed_seconds: float = 0.0
