"""Tells one notification to one HTTP address: JSON, signed, readable for Slack (deploy/NOTIFICATIONS.md).

The address is a secret (Slack's hold a token): it is in no message, log line or file. Redirects are not
followed, the answer's body is not read, and nothing takes longer than five seconds.
"""

import asyncio
import hashlib
import hmac
import json
import time
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
    _client: httpx.AsyncClient | None = field(default=None, init=False, repr=False)

    async def deliver(self, told: Notification) -> tuple[Answer, str]:
        """Send it once; never raises but on cancellation.

        Returns:
            The answer, and why in words that do not name the address.
        """
        body = payload(told)
        try:
            client = await self._opened()
            async with asyncio.timeout(self.timeout_seconds):
                async with client.stream(
                    "POST", self.url, content=body, headers=self._headers(told, body)
                ) as got:
                    status = got.status_code
        except TimeoutError:
            return Answer.UNREACHABLE, f"no answer within {self.timeout_seconds:g} s"
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            return Answer.UNREACHABLE, type(error).__name__
        if httpx.codes.is_success(status):
            return Answer.DELIVERED, ""
        return Answer.REFUSED, f"HTTP status {status}"

    async def close(self) -> None:
        """Let go of the connections."""
        if self._client is not None:
            await self._client.aclose()

    async def _opened(self) -> httpx.AsyncClient:
        if self._client is None:  # loading the certificates takes a while
            self._client = await asyncio.to_thread(
                httpx.AsyncClient, follow_redirects=False, timeout=self.timeout_seconds
            )
        return self._client

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
