"""How a worker is observed, as its settings have it: what masks, where numbers go, whom it tells."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from temporalio.client import Client

from activities.adapters.counted import Counted
from activities.adapters.journal import Journal
from activities.adapters.measuring import Metrics
from activities.adapters.outbox import Outbox
from activities.adapters.series import Sink
from activities.adapters.state_dir import StateDir
from activities.adapters.statsd import StatsD
from activities.adapters.webhook import Webhook
from worker.gauges import Gauges
from worker.own_secrets import known_secrets
from worker.postman import Postman
from worker.settings import WorkerSettings
from worker.telemetry import Mask
from worker.telemetry.otel import otel_meter
from workflows.models.notification import NotifyEvent

Loop = Callable[[], Awaitable[None]]

_APPROVALS = frozenset({NotifyEvent.AWAITING_APPROVAL, NotifyEvent.APPROVAL_EXPIRING})


def mask_of(settings: WorkerSettings) -> Mask:
    """Masks what leaves the process in log lines, traces and errors: all that is known by then (I5)."""
    known = known_secrets()
    known.learn(settings.secret_values)
    return known.mask


def metrics_of(settings: WorkerSettings, state: StateDir) -> Metrics:
    """StatsD and OpenTelemetry, each where it is configured."""
    sinks: list[Sink] = []
    if settings.statsd_enabled and settings.statsd_host:
        sinks.append(StatsD(settings.statsd_host, settings.statsd_port, settings.statsd_prefix))
    if (meter := otel_meter(mask_of(settings))) is not None:
        sinks.append(meter)
    return Metrics(tuple(sinks), Counted(state))


def outbox_of(settings: WorkerSettings, state: StateDir) -> Outbox | None:
    """Where notifications wait; None where no webhook is configured."""
    if settings.notify_url is None:
        return None
    redactor = known_secrets().redactor(settings.secret_values)
    return Outbox(state, settings.notify_events, redactor=redactor)


def announces(outbox: Outbox | None) -> bool:
    """Whether anybody is told that a run waits for an approval."""
    return outbox is not None and not _APPROVALS.isdisjoint(outbox.events)


@dataclass(frozen=True)
class Observed:
    """What is looked at and told beside the runs, for as long as a worker lives."""

    settings: WorkerSettings
    host: str
    state_dir: Path
    metrics: Metrics
    outbox: Outbox | None
    unsettled: Callable[[], tuple[Journal, ...]]

    def loops(self, client: Client) -> tuple[Loop, ...]:
        """None where nobody wants to know."""
        found: list[Loop] = []
        if self.metrics.sinks:
            found.append(Gauges(self.metrics, self.host, client, self.state_dir, self.unsettled).forever)
        if self.outbox is not None and self.settings.notify_url is not None:
            secret = self.settings.notify_secret.get_secret_value()
            webhook = Webhook(self.settings.notify_url.get_secret_value(), secret)
            found.append(Postman(self.outbox, webhook, self.metrics).forever)
        return tuple(found)
