"""The rollback beside the way back by hand: file, tag, ``up``, healthy."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.stacks import web_app
from tests.bench.figures import Compared, Figure, Samples
from tests.bench.workshop import Workshop, step_seconds, workshop
from workflows.models.status import RunStatus, StepName

_GOAL = 1.2
_CRASH = """\
--- a/api/app.py
+++ b/api/app.py
@@ -1,2 +1,3 @@
+raise SystemExit(3)
 import signal
 import sys
"""


async def rollback(trials: int) -> tuple[Figure, ...]:
    """A change that crashes, undone until the service is healthy again."""
    async with workshop(files={"api/app.py": web_app()}) as shop:
        shop.sandbox.compose("up", "-d", "--build", "api")
        ours, by_hand = [], []
        for _ in range(trials):
            by_hand.append(_by_hand(shop))
            ours.append(await _ours(shop))
    return (
        Figure(
            name="rollback", unit="s", compared=Compared.RATIO, goal=_GOAL,
            ours=Samples(what="step rollback", values=tuple(ours)),
            baselines=(Samples(what="cp, docker tag, compose up, poll", values=tuple(by_hand)),),
            note="Ours also compares files, image, containers and neighbours with what was before.",
        ),
    )  # fmt: skip


def _by_hand(shop: Workshop) -> float:
    shop.await_healthy()
    container = shop.sandbox.container("api")
    saved = Path(shop.operator.root) / "app.saved"
    saved.write_bytes((shop.sandbox.directory / "api/app.py").read_bytes())
    shop.sandbox.write("api/app.py", "raise SystemExit(3)\n" + saved.read_text())
    shop.sandbox.compose("up", "-d", "--build", "--no-deps", "api")
    shop.until(lambda: shop.sandbox.container("api").attrs["RestartCount"] > 0)
    return shop.by_hand("undo_by_hand.sh", str(saved), str(container.image.id), f"{shop.sandbox.name}-api")


async def _ours(shop: Workshop) -> float:
    shop.await_healthy()
    record, _ = await shop.run("apply this", _CRASH)
    assert record.status is RunStatus.ROLLED_BACK, record.failure
    return step_seconds(record, StepName.ROLLBACK)
