"""What a run notes about its own commands, so that what they made is known to be its own (I8)."""

from datetime import datetime

from workflows.models.base import Model


class Window(Model):
    """One command of this run that makes containers or an image, noted durably before it starts."""

    began_at: datetime
    ended_at: datetime | None = None
    """None while it runs, and for ever where its worker was killed: then time has to tell what it made."""
    round: int = 1
    image_id: str | None = None
    """Of an ``up``: the image that its containers run; no other container can be its own."""


class ImageMark(Model):
    """What can be seen of an image: who it was built for, and when it was last made or named."""

    id: str
    project: str = ""
    """Compose's label; empty where Compose did not build it."""
    service: str = ""
    touched_at: datetime | None = None
    """When it was created or last given a name, whichever is later; None where Docker does not say."""
