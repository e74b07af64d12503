"""What an operator waits for before anything happens."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tests.acceptance.stacks import web_app
from tests.bench.figures import Compared, Figure, Samples
from tests.bench.workshop import workshop
from tests.repair.speed import spend

_HELP_GOAL_SECONDS, _LOCAL_GOAL_SECONDS = 0.3, 2.5
_COMMAND = str(Path(sys.executable).parent / "mm-orchestrator")


async def help_text(trials: int) -> tuple[Figure, ...]:
    """``--help`` beside an interpreter that does nothing, and beside Compose's own version."""
    programs = {
        "mm-orchestrator --help": [_COMMAND, "--help"],
        "python -c pass": [sys.executable, "-c", "pass"],
        "docker compose version": ["docker", "compose", "version"],
    }
    took: dict[str, list[float]] = {what: [] for what in programs}
    for _ in range(trials):
        for what, argv in programs.items():
            took[what].append(spend(argv).wall_seconds)
    ours, *others = (Samples(what=what, values=tuple(seconds)) for what, seconds in took.items())
    return (
        Figure(
            name="mm-orchestrator --help", unit="s", compared=Compared.ALONE, goal=_HELP_GOAL_SECONDS,
            ours=ours, baselines=tuple(others),
        ),
    )  # fmt: skip


async def local_run(trials: int) -> tuple[Figure, ...]:
    """``run --local``, which starts a server and a worker, beside a run on a stack that is up."""
    async with workshop(files={"api/app.py": web_app()}) as shop:
        shop.sandbox.compose("up", "-d", "--build", "api")
        shop.await_healthy()
        warm = [_seconds(shop.operator.command, "run", "api", "repair api", "--json") for _ in range(trials)]
        cold = []
        for number in range(trials):
            alone = type(shop.operator)(shop.operator.root / f"local-{number}")
            alone.root.mkdir()
            alone.policy = shop.operator.policy
            cold.append(_seconds(alone.run_local, shop.sandbox.directory, "api", "repair api"))
    return (
        Figure(
            name="run --local beside a warm stack", unit="s", compared=Compared.DIFFERENCE,
            goal=_LOCAL_GOAL_SECONDS, ours=Samples(what="run --local", values=tuple(cold)),
            baselines=(Samples(what="run, with dev running", values=tuple(warm)),),
            note="A healthy service: nothing to repair. The server's database is new each time.",
        ),
    )  # fmt: skip


def _seconds(command, *args) -> float:  # type: ignore[no-untyped-def]
    began = time.monotonic()
    ran = command(*args)
    assert ran.code == 0, ran.stderr
    return time.monotonic() - began
