"""Which previous images stay held after a success, on a real Docker engine (COMPOSE fact 3)."""

import asyncio

from activities.holding import KEPT_RUNS, keep_the_last
from tests.integration.state_rig import Rig


async def test_the_last_runs_of_the_service_and_every_unsettled_one_stay_held(
    rig: Rig, base_image: str
) -> None:
    """Older ones are let go, oldest first; another service's are none of its business."""
    await rig.patch(rig.plan({}))
    name, image = rig.sandbox.name, await rig.docker.image_id(base_image)
    assert image is not None
    runs = [f"{name}-{number}" for number in range(KEPT_RUNS + 2)]
    rig.journals.open(rig.journal.model_copy(update={"run_id": runs[0]}))
    for run in runs:
        assert await rig.docker.hold_image(image, run_id=run, project=name, service="api")
        await asyncio.sleep(1.1)  # Docker lists whole seconds
    assert await rig.docker.hold_image(image, run_id=f"{name}-store", project=name, service="store")
    try:
        assert await rig.docker.holding_runs(name, "api") == tuple(runs)
        assert await keep_the_last(rig.docker, rig.journals, rig.journal) == (runs[1],)
        assert await rig.docker.holding_runs(name, "api") == (runs[0], *runs[2:])
        assert await keep_the_last(rig.docker, rig.journals, rig.journal) == ()
        assert await rig.docker.holding_runs(name, "store") == (f"{name}-store",)
        assert await rig.docker.image_id(image) == image
    finally:
        for run in (*runs, f"{name}-store"):
            await rig.docker.release_hold(run)
