"""Each approval token is good for one use, whichever worker of the host sees it (SPEC FR-009, I2)."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from activities.adapters.approval_tokens import Verified
from activities.adapters.durable import write_once
from activities.adapters.state_dir import StateDir
from workflows.errors import OrchestratorError

_REMEMBERED: Final = timedelta(days=1)
"""So long beyond its expiry: a clock that is put back must not make a used token good again."""


@dataclass(frozen=True)
class UsedTokens:
    """Which tokens were used, durably: a file each, named by a hash, none holds a token."""

    state: StateDir

    def use(self, token: Verified, attempt: str) -> None:
        """Use a token up; the same attempt, tried again, is not a second use.

        Raises:
            OrchestratorError: ``token_replayed``; ``write_failed`` where it cannot be recorded.
        """
        path = self.state.used_tokens / token.digest
        used = {"attempt": attempt, "expires_at": token.expires_at.isoformat()}
        try:
            self._forget_expired(datetime.now(UTC))
            write_once(path, json.dumps(used).encode())
        except FileExistsError:
            if _read(path).get("attempt") != attempt:
                raise OrchestratorError("token_replayed") from None
        except OSError as error:
            raise OrchestratorError("write_failed", detail=f"{path}: {error.strerror or error}") from error

    def _forget_expired(self, now: datetime) -> None:
        for path in self.state.used_tokens.glob("[!.]*"):
            at = forgotten_at(path)
            if at is not None and at < now:
                path.unlink(missing_ok=True)


def forgotten_at(path: Path) -> datetime | None:
    """From when on a record of a used token is of no use; None where that cannot be read."""
    told = _read(path).get("expires_at")
    try:
        return datetime.fromisoformat(told) + _REMEMBERED if isinstance(told, str) else None
    except ValueError:
        return None


def _read(path: Path) -> dict[str, Any]:
    """What stands in a file; nothing where it is damaged or gone: then the token counts as used."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
