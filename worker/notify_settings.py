"""Whom to tell what: the settings of the webhook."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import NoDecode

from starter.settings import StarterSettings
from workflows.models.notification import NotifyEvent


def _address(address: SecretStr) -> SecretStr:
    """An address one can post to; a message about it must not name it."""
    try:
        parts = urlsplit(address.get_secret_value())
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("the address must begin with http:// or https://")
    return address


def _known(listed: str) -> str:
    unknown = sorted(_words(listed) - set(NotifyEvent))
    if unknown:
        raise ValueError(f"no such event: {', '.join(unknown)}; there are: {', '.join(NotifyEvent)}")
    return listed


def _words(listed: str) -> set[str]:
    return set(listed.replace(",", " ").split())


class NotifySettings(StarterSettings):
    """The starter's settings, and the webhook; none by default."""

    notify_url: Annotated[SecretStr, AfterValidator(_address)] | None = Field(
        default=None, validation_alias="MM_ORCHESTRATOR_NOTIFY_URL"
    )
    """Treated as a secret: Slack's addresses hold a token."""
    notify_secret: SecretStr = Field(default=SecretStr(""), validation_alias="MM_ORCHESTRATOR_NOTIFY_SECRET")
    """Signs each notification; '' leaves the signature out."""
    listed_notify_events: Annotated[str, NoDecode, AfterValidator(_known)] = Field(
        default=",".join(NotifyEvent), validation_alias="MM_ORCHESTRATOR_NOTIFY_EVENTS"
    )

    @property
    def notify_events(self) -> frozenset[NotifyEvent]:
        """What is told."""
        return frozenset(map(NotifyEvent, _words(self.listed_notify_events)))

    @property
    def notify_secrets(self) -> frozenset[str]:
        """Values that no log line may show: the address, whole and as a library prints it, and the secret."""
        if self.notify_url is None:
            return frozenset()
        address = self.notify_url.get_secret_value()
        path = address.partition("://")[2].partition("/")[2]
        return frozenset(value for value in (address, path, self.notify_secret.get_secret_value()) if value)
