"""How often the language model may be asked: per run and per day, counted in the state directory.

Each question takes a file that must not exist yet, so neither a retried step nor a second worker can ask
more often than the settings say.
"""

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from activities.adapters.state_dir import StateDir, safe_name

_KEPT_SECONDS = 40 * 86400.0


@dataclass(frozen=True)
class LlmBudget:
    """The questions of one Docker host."""

    state: StateDir
    per_run: int = 2
    per_day: int = 50

    def take(self, run_id: str, now: datetime) -> str:
        """Take one question; '' where it may be asked, else why not.

        Args:
            run_id: of the run that asks.
            now: its day counts, in UTC.
        """
        self._forget()
        try:
            if not self._slot(f"run-{safe_name(run_id)}", self.per_run):
                return f"this run has asked {self.per_run} times already"
            if not self._slot(f"day-{now:%Y%m%d}", self.per_day):
                return f"it was asked {self.per_day} times today already"
        except OSError as error:
            return f"the question cannot be counted ({error.strerror or error})"
        return ""

    def _slot(self, name: str, most: int) -> bool:
        for number in range(most):
            path = self._folder / f"{name}-{number}"
            try:
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            except FileExistsError:
                continue
            return True
        return False

    def _forget(self) -> None:
        """Counts that matter to nobody any more."""
        oldest = time.time() - _KEPT_SECONDS
        with suppress(OSError):
            for path in self._folder.iterdir():
                if path.stat().st_mtime < oldest:
                    path.unlink(missing_ok=True)

    @property
    def _folder(self) -> Path:
        return self.state.llm_calls
