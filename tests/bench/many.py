"""Many projects, repaired a few at a time by one worker, beside the bare commands one after the other."""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import docker

from starter.client import OrchestratorClient
from tests.acceptance.operator import Operator
from tests.acceptance.stacks import compose_file, web_service
from tests.bench.figures import Compared, Figure, Samples
from tests.bench.workshop import BLOCK, WINDOW_SECONDS, Workshop, policy_of
from tests.sandbox import ComposeSandbox, unique_project_name, write_files
from workflows.models.status import RunStatus

AT_ONCE = 8
_BLOCK = BLOCK.replace("unless-stopped", '"no"')
_PATCH = """\
--- a/api/requirements.txt
+++ b/api/requirements.txt
@@ -1 +1,2 @@
 # {name}
+humanize
"""


async def throughput(trials: int, batch: int) -> tuple[Figure, ...]:
    """Every project is broken and mended by the script, then broken and mended by us.

    Args:
        trials: batches, each of projects of its own.
        batch: projects of each.
    """
    with tempfile.TemporaryDirectory(prefix="mm-bench-") as made:
        root, engine = Path(made), docker.from_env()
        directories: dict[str, Path] = {}
        for _ in range(trials * batch):
            name = unique_project_name()
            directories[name] = root / name
            directories[name].mkdir()
        operator = Operator(root)
        operator.write_policy(policy_of(directories))
        with operator.dev():
            client = await OrchestratorClient.connect(operator.address)
            shops = [
                Workshop(ComposeSandbox(name, directory, engine), operator, client)
                for name, directory in directories.items()
            ]
            ours, by_hand = [], []
            for first in range(0, len(shops), batch):
                with ExitStack() as gone:  # a daemon has networks for about thirty projects at a time
                    for shop in shops[first : first + batch]:
                        gone.callback(shop.sandbox.remove)
                    by_hand.append(_by_hand(shops[first : first + batch]))
                    ours.append(await _ours(shops[first : first + batch]))
    return (
        Figure(
            name=f"{trials * batch} projects, {AT_ONCE} at a time, in batches of {batch}", unit="s",
            compared=Compared.RATIO, goal=1.0,
            ours=Samples(what="mm-orchestrator, with the diffs supplied", values=tuple(ours)),
            baselines=(Samples(what="sum of the shell scripts", values=tuple(by_hand)),),
            note=f"Each of ours has a stability window of {WINDOW_SECONDS:g} s in it, the script has none.",
        ),
    )  # fmt: skip


def _by_hand(shops: list[Workshop]) -> float:
    took = 0.0
    for shop in shops:
        _break(shop, "by hand")
        with tempfile.TemporaryDirectory() as logs:
            took += shop.by_hand("by_hand.sh", "humanize", logs)
    return took


async def _ours(shops: list[Workshop]) -> float:
    for shop in shops:
        _break(shop, "ours")
    gate = asyncio.Semaphore(AT_ONCE)

    async def repair(shop: Workshop) -> None:
        async with gate:
            name = shop.sandbox.read("api/requirements.txt").splitlines()[0].removeprefix("# ")
            record, _ = await shop.run("apply this", _PATCH.format(name=name))
            assert record.status is RunStatus.SUCCEEDED, record.failure

    began = time.monotonic()
    await asyncio.gather(*(repair(shop) for shop in shops))
    return time.monotonic() - began


def _break(shop: Workshop, who: str) -> None:
    """Down and broken, its image built: with words of its own, so that no layer of the other side fits.

    It stays down: a hundred services that crash again and again would be all that is measured.
    """
    shop.trials.append(who)
    service = web_service("api", "humanize", requirements=f"# {shop.sandbox.name} {len(shop.trials)}\n")
    write_files(shop.sandbox.directory, {"compose.yaml": compose_file(_BLOCK), **service})
    shop.sandbox.compose("up", "-d", "--build", "api")
