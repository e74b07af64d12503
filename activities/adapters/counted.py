"""What was counted already, so that retries, guards and ``recover`` count a run and its steps once.

One empty file per fact in the state directory, taken by whoever makes it. It is no evidence: where the disk
does not take it, the number is told all the same.
"""

import os
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from activities.adapters.state_dir import StateDir, safe_name
from workflows.errors import OrchestratorError

_KEPT_SECONDS: Final = 40 * 86400.0


@dataclass(frozen=True)
class Counted:
    """The facts of one state directory."""

    state: StateDir

    def first(self, run_id: str, fact: str) -> bool:
        """Whether this fact of the run was not counted yet; from now on it is.

        Args:
            run_id: of the run.
            fact: a plain name; part of a file's name.
        """
        try:
            folder = self.state.counted / safe_name(run_id)
            if not folder.exists():
                self._forget()
                folder.mkdir(mode=0o700, exist_ok=True)
            os.close(os.open(folder / fact, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return False
        except (OSError, OrchestratorError):
            return True
        return True

    def _forget(self) -> None:
        oldest = time.time() - _KEPT_SECONDS
        with suppress(OSError):
            for folder in self.state.counted.iterdir():
                if folder.stat().st_mtime < oldest:
                    shutil.rmtree(folder, ignore_errors=True)
