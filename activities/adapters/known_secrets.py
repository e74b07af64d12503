"""What this process knows and must never tell: its own secrets, and those of its projects (I5)."""

import threading
from collections.abc import Iterable

from activities.adapters.redaction import Redactor

_MAX_LEARNED = 20_000
"""Values, of all projects together; a worker that has learned more forgets the others first."""


class KnownSecrets:
    """Grows while the process works; for whatever leaves it without belonging to one project. Thread-safe.

    Args:
        own: values that belong to the process itself, such as those of its environment.
    """

    def __init__(self, own: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._own = frozenset(own)
        self._learned: dict[str, None] = {}
        self._redactor = Redactor(self._own)

    def learn(self, values: Iterable[str]) -> None:
        """Values that must be masked from now on."""
        with self._lock:
            new = [value for value in values if value not in self._learned and value not in self._own]
            if not new:
                return
            self._learned |= dict.fromkeys(new)
            for value in list(self._learned)[: max(0, len(self._learned) - _MAX_LEARNED)]:
                del self._learned[value]
            self._redactor = Redactor((*self._own, *self._learned))

    def redactor(self, values: Iterable[str] = ()) -> Redactor:
        """For one project: its values, which are learned, and the process's own; not another's."""
        of_project = frozenset(values)
        self.learn(of_project)
        return Redactor(self._own | of_project)

    @property
    def all(self) -> Redactor:
        """Masks everything that is known as of now."""
        return self._redactor

    def mask(self, text: str) -> str:
        """The text with everything masked that is known by now; the mask of logs, errors, traces."""
        return self._redactor.text(text)
