"""How soon the verdict follows the fact: healthy, or crashed; beside those who look at fixed intervals."""

from __future__ import annotations

import http.client
import random
import threading
import time

from tests.acceptance.stacks import web_app
from tests.bench.figures import Compared, Figure, Samples
from tests.bench.workshop import WINDOW_SECONDS, Workshop, workshop
from workflows.models.record import RunRecord
from workflows.models.status import StepName

_PROBE = """\
          http:
            - url: http://127.0.0.1:8000/health
              vantage: target
"""
_READY_GOAL_SECONDS, _CRASH_GOAL_SECONDS = 0.15, 0.3
_INTERVALS = (1.0, 2.0, 5.0)
_SERVES = """\
import os, pathlib, random, threading, time
mode = pathlib.Path("/mode")
crashes = (mode / "crash").exists()
(mode / "crash").unlink(missing_ok=True)
time.sleep(random.uniform(0.5, 1.5))


def crash():
    time.sleep(0.7)
    (mode / "crashed").write_text(str(time.time()))
    os._exit(3)


"""
_STAMPED = """\
(mode / "ready").write_text(str(time.time()))
if crashes:
    threading.Thread(target=crash, daemon=True).start()
"""
_COMPOSE = """\
services:
  api:
    build: ./api
    restart: "no"
    stop_grace_period: 2s
    volumes: ["./mode:/mode"]
"""


def _app() -> str:
    """Starts after a while of its own, says when it listens, and crashes soon after where it is told to."""
    plain = web_app()
    listening = 'HTTPServer(("0.0.0.0", 8000), Handler).serve_forever()'
    stamped = f'server = HTTPServer(("0.0.0.0", 8000), Handler)\n{_STAMPED}server.serve_forever()'
    assert listening in plain
    return _SERVES + plain.replace(listening, stamped)


class Peer(threading.Thread):
    """Looks whether the service answers, every so many seconds, from a random instant on."""

    def __init__(self, shop: Workshop, interval: float, old: str) -> None:
        super().__init__(daemon=True)
        self.interval = interval
        self.found: float | None = None
        self._shop, self._old, self._over = shop, old, threading.Event()

    def run(self) -> None:
        """Until it answered, or nobody waits any more."""
        self._over.wait(random.uniform(0, self.interval))  # noqa: S311 - chance, not secrecy
        while not self._over.is_set():
            if self._answers():
                self.found = time.time()
                return
            self._over.wait(self.interval)

    def leave(self) -> None:
        """It need not look any more."""
        self._over.set()
        self.join()

    def _answers(self) -> bool:
        for container in self._shop.sandbox.containers("api"):
            networks = container.attrs["NetworkSettings"]["Networks"]
            address = next((str(net["IPAddress"]) for net in networks.values()), "")
            if container.id == self._old or not address:
                continue
            connection = http.client.HTTPConnection(address, 8000, timeout=0.5)
            try:
                connection.request("GET", "/health")
                return connection.getresponse().status == 200
            except OSError:
                return False
            finally:
                connection.close()
        return False


async def verdicts(trials: int) -> tuple[Figure, ...]:
    """Restarts of a service that takes its time, then of one that crashes."""
    files = {"compose.yaml": _COMPOSE, "api/app.py": _app(), "mode/.keep": ""}
    async with workshop(verification=_PROBE, files=files) as shop:
        shop.sandbox.compose("up", "-d", "--build", "api")
        ready: list[float] = []
        peers: dict[float, list[float]] = {interval: [] for interval in _INTERVALS}
        for _ in range(trials):
            await _ready(shop, ready, peers)
        crashed = [await _crashed(shop) for _ in range(trials)]
    return (
        Figure(
            name="healthy to verdict, less the stability window", unit="s",
            compared=Compared.ALONE, share=0.95,
            ours=Samples(what="mm-orchestrator", values=tuple(ready)), goal=_READY_GOAL_SECONDS,
            baselines=tuple(
                Samples(what=f"polling every {interval:g} s", values=tuple(found))
                for interval, found in peers.items()
            ),
        ),
        Figure(
            name="crash after restart to verdict", unit="s", compared=Compared.ALONE, share=0.95,
            ours=Samples(what="mm-orchestrator", values=tuple(crashed)), baselines=(),
            goal=_CRASH_GOAL_SECONDS,
        ),
    )  # fmt: skip


async def _ready(shop: Workshop, ready: list[float], peers: dict[float, list[float]]) -> None:
    old = str(shop.sandbox.container("api").id)
    looking = [Peer(shop, interval, old) for interval in peers]
    for peer in looking:
        peer.start()
    record, _ = await shop.run("restart api")
    at = _stamp(shop, "ready")
    ready.append(_verdict(record) - at - WINDOW_SECONDS)
    shop.until(lambda: all(peer.found for peer in looking), 20)
    for peer in looking:
        peer.leave()
        assert peer.found is not None
        peers[peer.interval].append(peer.found - at)


async def _crashed(shop: Workshop) -> float:
    shop.sandbox.write("mode/crash", "")  # for one start: the rollback's is a good one
    record, _ = await shop.run("restart api")
    assert record.code == "container_crashed", record.failure
    return _verdict(record) - _stamp(shop, "crashed")


def _verdict(record: RunRecord) -> float:
    step = next(step for step in record.steps if step.name is StepName.VERIFY)
    assert step.completed_at is not None
    return step.completed_at.timestamp()


def _stamp(shop: Workshop, word: str) -> float:
    """When the service said so, in seconds since the epoch: container and worker have one clock."""
    return float(shop.sandbox.read(f"mode/{word}"))
