"""One browser and one stage per file of tests."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext

from tests.browser.chromium import NOT_RUN, carry, chromium
from tests.browser.ui_stage import UiStage, ui_stage


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """A real browser; a host without one is named in pytest's summary."""
    async with chromium() as started:
        if started is None:
            pytest.skip(NOT_RUN)
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[UiStage]:
    """Server, Web UI, workers and runs; after the browser, so that a host without one starts nothing."""
    async with ui_stage(tmp_path_factory.mktemp("stage")) as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(browser: Browser, stage: UiStage) -> AsyncIterator[BrowserContext]:
    """An operator's browser window on the Web UI."""
    context = await browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_navigation_timeout(120_000)
    await carry(context, stage.ui)
    yield context
    await context.close()
