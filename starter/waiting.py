"""How long a watcher bears a server that does not answer."""

import asyncio
import time
from typing import Final

from workflows.errors import OrchestratorError

BEARABLE_SECONDS: Final = 60.0


class Patience:
    """Paces the looks of one watcher and ends them when nothing answered for a minute."""

    def __init__(self, poll_seconds: float, bearable_seconds: float = BEARABLE_SECONDS) -> None:
        self._poll_seconds = poll_seconds
        self._bearable_seconds = bearable_seconds
        self._silent_since: float | None = None

    def restored(self) -> None:
        """The server answered."""
        self._silent_since = None

    async def wait(self, news: "asyncio.Task[None] | None" = None) -> None:
        """Until the next look, or until there is news."""
        if news is None or news.done():
            await asyncio.sleep(self._poll_seconds)
        else:
            await asyncio.wait({news}, timeout=self._poll_seconds)

    async def wait_or_raise(self, error: OrchestratorError) -> None:
        """Until the next try; the server has not answered this one.

        Raises:
            OrchestratorError: ``error`` itself, once the silence has lasted too long.
        """
        now = time.monotonic()
        self._silent_since = self._silent_since if self._silent_since is not None else now
        if now - self._silent_since >= self._bearable_seconds:
            raise error
        await self.wait()
