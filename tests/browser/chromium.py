"""A real browser: the installed Chromium or Chrome, else the one that playwright has downloaded."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Route, async_playwright
from playwright.async_api import Error as PlaywrightError

NOT_RUN: Final = "browser: not run (neither Chromium nor Chrome is installed; deploy/host/browser.sh does it)"
SCREENSHOT_DIR: Final = "SCREENSHOT_DIR"
"""Where the pictures go; without it none are taken."""
_UNCHANGING: Final = "/_app/immutable/"
"""Part of the address of the Web UI's own files, which are named by what is in them."""
_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_MAC: Final = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
_FLAGS: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
    "--disable-component-update", "--disable-sync", "--disable-quic",
)  # fmt: skip


def installed_browser(downloaded: str) -> str | None:
    """The browser of this host, else playwright's own where it has downloaded one."""
    named = [path for path in map(shutil.which, _NAMES) if path]
    return next((path for path in (*named, str(_MAC), downloaded) if Path(path).exists()), None)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser | None]:
    """A browser with a profile of its own that ends with the body; None where the host has none."""
    async with async_playwright() as playwright:
        path = installed_browser(playwright.chromium.executable_path)
        if path is None:
            yield None
            return
        browser = await playwright.chromium.launch(executable_path=path, args=list(_FLAGS))
        try:
            yield browser
        finally:
            await browser.close()


async def carry(context: BrowserContext, site: str) -> None:
    """Let playwright's own client carry all that the browser asks of a site.

    Chromium breaks off whatever it loads when a network interface comes or goes, and the Docker networks of
    other tests come and go all the time. A file whose name has its content's hash is carried once, as a
    browser's own cache would do; that cache is out of use here.
    """
    kept: dict[str, tuple[int, dict[str, str], bytes]] = {}

    async def fetch(route: Route) -> None:
        url = route.request.url
        try:
            if url not in kept:
                response = await route.fetch(timeout=0)
                if _UNCHANGING not in url or not response.ok:
                    await route.fulfill(response=response)
                    return
                kept[url] = response.status, response.headers, await response.body()
            status, headers, body = kept[url]
            await route.fulfill(status=status, headers=headers, body=body)
        except PlaywrightError:  # the page went elsewhere, or the site did not answer
            with suppress(PlaywrightError):
                await route.abort()

    await context.route(f"{site}/**", fetch)


@dataclass
class Seen:
    """What a page did while it was open."""

    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    """Console errors and warnings, uncaught exceptions, dialogs."""

    def console(self, said: ConsoleMessage) -> None:
        """Take note of what was said in the console."""
        if said.type in {"error", "warning"}:
            self.complaints.append(said.text)


@asynccontextmanager
async def watched(context: BrowserContext) -> AsyncIterator[tuple[Page, Seen]]:
    """An empty page that is watched."""
    page, seen = await context.new_page(), Seen()
    page.on("request", lambda request: seen.requests.append(request.url))
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    page.on("console", seen.console)

    async def dismiss(dialog: Any) -> None:
        seen.complaints.append(f"dialog: {dialog.message}")
        await dialog.dismiss()

    page.on("dialog", dismiss)
    try:
        yield page, seen
    finally:
        await page.close()


@asynccontextmanager
async def opened(
    browser: Browser, width: int, height: int, scheme: Any = "light"
) -> AsyncIterator[tuple[Page, Seen]]:
    """An empty page of this size, in a profile of its own."""
    context = await browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    try:
        async with watched(context) as page:
            yield page
    finally:
        await context.close()


async def shoot(page: Page, name: str, height: int | None = None, left: int = 0) -> None:
    """Keep a picture for the documents, where they are asked for; from the top, so high, without the left."""
    directory = os.environ.get(SCREENSHOT_DIR)
    if not directory:
        return
    width = await page.evaluate("innerWidth")
    high = height or await page.evaluate("innerHeight")
    clip: Any = {"x": left, "y": 0, "width": width - left, "height": high}
    await page.screenshot(path=Path(directory) / f"{name}.png", full_page=True, clip=clip)
