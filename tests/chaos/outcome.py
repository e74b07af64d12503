"""What became of one case."""

from __future__ import annotations

from pydantic import BaseModel


class Outcome(BaseModel):
    """One run that a fault struck, and what the oracle measured afterwards."""

    seed: int
    number: int
    """Which project of the round."""
    fault: str
    aimed_at: str
    step: str
    """Where the run really was when the fault struck; ``missed``: it had ended before."""
    run_id: str = ""
    status: str = ""
    code: str | None = None
    measured: str = ""
    """``repaired``, ``as_before`` or ``neither``."""
    violations: list[str] = []
    seconds: float = 0.0
    """From the start of the run to the verdict."""

    @property
    def counts(self) -> bool:
        """Whether the fault struck a run that was under way."""
        return self.step not in {"missed", "ended"}
