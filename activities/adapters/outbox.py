"""Notifications on their way: one small file each in the state directory, written durably, masked (I5).

Whoever tells something only leaves a letter here. A worker's postman takes them from here; a letter that
nobody takes for a day, or that is refused too often, is thrown away with one line in the log.
"""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from activities.adapters.durable import remove_durably, write_durably, write_once
from activities.adapters.redaction import Redactor
from activities.adapters.state_dir import StateDir, safe_name
from workflows.models.base import Model
from workflows.models.notification import Notification, NotifyEvent

MOST_WAITING: Final = 500
MOST_ATTEMPTS: Final = 20
LONGEST_WAIT: Final = timedelta(hours=24)
_FIRST_DELAY: Final = timedelta(seconds=5)
_LAST_DELAY: Final = timedelta(hours=1)
_FREE_TEXT: Final = ("summary", "remedy", "requested_by")

_log = logging.getLogger("mm_orchestrator.notify")


class Letter(Model):
    """A notification and what became of it so far."""

    notification: Notification
    left_at: datetime
    attempts: int = 0
    next_attempt: datetime

    @property
    def hopeless(self) -> bool:
        """Refused too often."""
        return self.attempts >= MOST_ATTEMPTS


@dataclass(frozen=True)
class Outbox:
    """The letters of one state directory.

    Attributes:
        state: where they lie.
        events: what is told at all; the rest is not even written.
        most: so many wait; then the oldest gives way.
        first_delay: between the first attempt and the second; it doubles, up to an hour.
    """

    state: StateDir
    events: frozenset[NotifyEvent] = frozenset(NotifyEvent)
    first_delay: timedelta = _FIRST_DELAY
    most: int = MOST_WAITING
    redactor: Redactor = field(default_factory=Redactor)

    def put(self, notification: Notification) -> bool:
        """Leave a letter; blocking, and it never raises: a run must not fail for want of one.

        Returns:
            Whether it waits now, or did already.
        """
        if notification.event not in self.events:
            return False
        now = datetime.now(UTC)
        letter = Letter(notification=self._masked(notification), left_at=now, next_attempt=now)
        try:
            self._make_room()
            with suppress(FileExistsError):  # a step that was retried
                write_once(self._path(notification.id), letter.model_dump_json().encode())
        except OSError as error:
            _log.warning("a notification could not be kept: %s", error.strerror or error)
            return False
        return True

    def letters(self) -> tuple[Letter, ...]:
        """All that wait, oldest first; what cannot be read is none."""
        found = []
        for path in self._files():
            with suppress(OSError, ValidationError):
                found.append(Letter.model_validate_json(path.read_bytes()))
        return tuple(sorted(found, key=lambda letter: letter.left_at))

    def due(self, now: datetime) -> tuple[Letter, ...]:
        """What is to be tried now; letters that are too old are thrown away."""
        due = []
        for letter in self.letters():
            if now - letter.left_at > LONGEST_WAIT:
                self._throw_away(letter, "too old")
            elif letter.next_attempt <= now:
                due.append(letter)
        return tuple(due)

    def delivered(self, letter: Letter) -> None:
        """It arrived."""
        remove_durably(self._path(letter.notification.id))

    def failed(self, letter: Letter, why: str, now: datetime) -> bool:
        """It did not arrive: later once more, twice as long after as the time before.

        Returns:
            Whether it was thrown away.
        """
        attempts = letter.attempts + 1
        delay = min(_LAST_DELAY, self.first_delay * 2 ** (attempts - 1))
        tried = letter.model_copy(update={"attempts": attempts, "next_attempt": now + delay})
        if tried.hopeless:
            self._throw_away(tried, why)
            return True
        write_durably(self._path(letter.notification.id), tried.model_dump_json().encode())
        return False

    @contextmanager
    def postman(self) -> Iterator[bool]:
        """Whether it is this process that delivers now: of several workers only one at a time."""
        descriptor = os.open(self.state.outbox / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(descriptor)

    def _make_room(self) -> None:
        files = self._files()
        if len(files) >= self.most:
            for letter in self.letters()[: len(files) - self.most + 1]:
                self._throw_away(letter, f"more than {self.most} wait")

    def _throw_away(self, letter: Letter, why: str) -> None:
        told = letter.notification
        about = {"event": told.event.value, "run_id": told.run_id, "attempts": letter.attempts}
        _log.warning("a notification was dropped: %s", why, extra={"notification": about})
        remove_durably(self._path(told.id))

    def _files(self) -> tuple[Path, ...]:
        return waiting_files(self.state.outbox)

    def _path(self, notification_id: str) -> Path:
        return self.state.outbox / f"{safe_name(notification_id)}.json"

    def _masked(self, told: Notification) -> Notification:
        texts = {name: getattr(told, name) for name in _FREE_TEXT}
        masked = {name: self.redactor.text(text) for name, text in texts.items() if text}
        return told.model_copy(update=masked)


def waiting_files(outbox: Path) -> tuple[Path, ...]:
    """The letters in a directory; none where there is no such directory."""
    return tuple(path for path in outbox.glob("*.json") if not path.name.startswith("."))
