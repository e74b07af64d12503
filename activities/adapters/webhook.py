"""Tells one notification to one HTTP address: JSON, signed, readable for Slack (deploy/NOTIFICATIONS.md).

The address is a secret (Slack's hold a token): it is in no message, log line or file. Redirects are not
followed, the answer's body is not read, and nothing takes longer than five seconds.
"""

import asyncio
import hashlib
import hmac
import json
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import httpx

from workflows.models.notification import Notification
from workflows.notices import headline

TIMEOUT_SECONDS: Final = 5.0
PAYLOAD_VERSION: Final = 1


class Answer(StrEnum):
    """How it went."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    BUSY = "busy"
    """Not tried: the attempt before has not come back."""


@dataclass
class Webhook:
    """One receiver.

    Attributes:
        url: http or https.
        secret: of the signature; '' leaves it out.
        timeout_seconds: for the whole of one delivery.
    """

    url: str = field(repr=False)
    secret: str = field(default="", repr=False)
    timeout_seconds: float = TIMEOUT_SECONDS
    _busy: threading.Thread | None = field(default=None, init=False, repr=False)

    async def deliver(self, told: Notification) -> tuple[Answer, str]:
        """Send it once; never raises but on cancellation.

        Returns:
            The answer, and why in words that do not name the address.
        """
        if self._busy is not None and self._busy.is_alive():
            return Answer.BUSY, "the attempt before is still under way"
        loop = asyncio.get_running_loop()
        done: asyncio.Future[tuple[Answer, str]] = loop.create_future()

        def settle(answer: tuple[Answer, str]) -> None:
            if not done.done():
                done.set_result(answer)

        def work() -> None:
            answer = self._sent(told)
            with suppress(RuntimeError):  # nobody waits any more, the loop may be closed
                loop.call_soon_threadsafe(settle, answer)

        # A thread of its own: a name that is looked up for ever must hold up neither the threads that
        # steps use nor the end of the process.
        self._busy = threading.Thread(target=work, name="webhook", daemon=True)
        self._busy.start()
        try:
            async with asyncio.timeout(self.timeout_seconds):
                return await done
        except TimeoutError:
            return Answer.UNREACHABLE, f"no answer within {self.timeout_seconds:g} s"

    def _sent(self, told: Notification) -> tuple[Answer, str]:
        body = payload(told)
        try:
            with (
                httpx.Client(follow_redirects=False, timeout=self.timeout_seconds) as client,
                client.stream("POST", self.url, content=body, headers=self._headers(told, body)) as got,
            ):
                status = got.status_code
        except Exception as error:  # noqa: BLE001 - a traceback on stderr might name the address
            return Answer.UNREACHABLE, type(error).__name__
        if httpx.codes.is_success(status):
            return Answer.DELIVERED, ""
        return Answer.REFUSED, f"HTTP status {status}"

    def _headers(self, told: Notification, body: bytes) -> dict[str, str]:
        at = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "mm-orchestrator",
            "X-MM-Orchestrator-Id": told.id,
            "X-MM-Orchestrator-Event": told.event.value,
            "X-MM-Orchestrator-Timestamp": at,
        }
        if self.secret:
            headers["X-MM-Orchestrator-Signature"] = f"sha256={signature(self.secret, at, body)}"
        return headers


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 over timestamp, a dot and the body, in hexadecimal."""
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def payload(told: Notification) -> bytes:
    """The body: every field, and ``text`` for people, which is all that Slack reads."""
    fields = told.model_dump(mode="json")
    return json.dumps({"version": PAYLOAD_VERSION, "text": text(told), **fields}).encode()


def text(told: Notification) -> str:
    """Slack's way of writing: bold headline, then what, until when, and what to type."""
    lines = [f"*{_escaped(headline(told))}*", _escaped(told.summary)]
    if told.deadline is not None:
        lines.append(f"Until {told.deadline:%Y-%m-%d %H:%M:%S} UTC.")
    if told.remedy:
        lines.append(_escaped(told.remedy))
    lines += [f"`{_escaped(command)}`" for command in told.commands]
    return "\n".join(line for line in lines if line)


def _escaped(written: str) -> str:
    """So that no text of a log or a user mentions a channel or makes a link."""
    return written.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
