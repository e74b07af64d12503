"""What the delivery of spooled evidence is told, and how far it came (I6)."""

from workflows.models.base import Model


class DeliveryState(Model):
    """Input of the delivery; a successor goes on from it."""

    host_queue: str
    """Where the spool is."""
    delivered: int = 0
    """Artifacts brought over by its predecessors."""


class DeliverInput(Model):
    """Bring over what waits; takes as long as one activity may."""


class DeliverResult(Model):
    """How far it came."""

    delivered: int = 0
    waiting: int = 0
    """Artifacts that are ready and still wait; what runs that go on have spooled does not count."""
    problem: str = ""
    """Why something still waits, in one sentence; empty where only the time was over."""


class DeliveryReport(Model):
    """The end: nothing waits any more."""

    delivered: int


def delivery_id(host_queue: str) -> str:
    """Workflow id of a host's delivery; ``host_queue`` ends with the Docker host's name."""
    return f"mm.delivery:{host_queue.removeprefix('mm.orchestrator.')}"
