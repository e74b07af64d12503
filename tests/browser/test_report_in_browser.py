"""``report.html`` in a real browser: phone and desktop, light and dark, by itself (US2)."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from tests.browser.chromium import opened, shoot
from tests.unit import page_samples, record_samples
from tests.unit.test_web_details import told_by

pytestmark = pytest.mark.asyncio(loop_scope="module")
WIDE = page_samples.page_of(
    page_samples.SUCCEEDED, diff="--- a/x\n+++ b/x\n" + "".join(f"+{'wide ' * 80}{n}\n" for n in range(30))
)
LONG = page_samples.page_of(told_by("W" * 3000), logs=(page_samples.verify_log(verdict="W" * 300),))
PAGES = {**page_samples.PAGES, "wide": WIDE, "long": LONG}
LOOKS: dict[str, tuple[int, int, Any]] = {
    "phone": (360, 740, "light"),
    "tablet": (740, 1000, "light"),
    "light": (1100, 900, "light"),
    "dark": (1100, 900, "dark"),
}
SHOTS = {
    ("rolled-back", "dark"): "report-dark",
    ("succeeded", "light"): "report-light",
    ("succeeded", "phone"): "report-phone",
}
_VIOLATION = """() => new Promise((done) => {
  document.addEventListener("securitypolicyviolation", (event) => done(event.effectiveDirective));
  const image = document.createElement("img");
  image.src = "http://127.0.0.1:9/x.png";
  document.body.append(image);
})"""


def written(tmp_path: Path, name: str) -> str:
    """The page as a file, as somebody opens it who got it sent."""
    path = tmp_path / f"{name}.html"
    path.write_bytes(PAGES[name])
    return path.as_uri()


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", ["succeeded", "rolled-back", "hostile", "wide", "long"])
async def test_a_report_opens_by_itself_and_fits(
    browser: Browser, tmp_path: Path, name: str, look: str
) -> None:
    """No complaint in the console, no request but the page itself, nothing beyond the side of the screen."""
    width, height, scheme = LOOKS[look]
    address = written(tmp_path, name)
    async with opened(browser, width, height, scheme) as (page, seen):
        await page.goto(address)
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        dark = await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(13, 17, 23)"
        assert dark is (scheme == "dark")
        if (name, look) in SHOTS:
            await shoot(page, SHOTS[name, look], height=1900)
        assert seen.requests == [address]
        assert seen.complaints == []


async def test_a_wide_diff_scrolls_inside_its_box(browser: Browser, tmp_path: Path) -> None:
    """On a phone the page stays where it is."""
    async with opened(browser, 360, 740) as (page, _):
        await page.goto(written(tmp_path, "wide"))
        box = page.locator(".diff")
        assert await box.evaluate("box => box.scrollWidth > 3 * box.clientWidth")
        assert await box.evaluate("box => { box.scrollLeft = 500; return box.scrollLeft; }") == 500
        assert await page.evaluate("window.scrollX") == 0


async def test_the_policy_of_the_page_holds(browser: Browser, tmp_path: Path) -> None:
    """Even what somehow got into the page would load nothing."""
    async with opened(browser, 1100, 900) as (page, _):
        await page.goto(written(tmp_path, "succeeded"))
        assert await page.evaluate(_VIOLATION) == "img-src"


@pytest.mark.parametrize("width", [360, 1100])
async def test_a_screen_reader_meets_landmarks_headings_and_tables(
    browser: Browser, tmp_path: Path, width: int
) -> None:
    """Also where the tables are drawn as blocks."""
    async with opened(browser, width, 740) as (page, _):
        await page.goto(written(tmp_path, "succeeded"))
        tree = await page.locator("html").aria_snapshot()
        for part in (
            'heading "Done: api was measured healthy." [level=1]',
            'navigation "Contents"',
            "main:",
            'region "Timeline"',
            'table "Every artifact"',
            'rowheader "build"',
            'columnheader "SHA-256"',
            'img "begins after 3.0 s"',
        ):
            assert part in tree, f"{part} not in\n{tree}"


async def test_on_paper_the_diff_is_whole(browser: Browser, tmp_path: Path) -> None:
    """What scrolls on a screen is wrapped on paper, and there is nothing to click."""
    async with opened(browser, 1100, 900, "dark") as (page, _):
        await page.goto(written(tmp_path, "wide"))
        await page.emulate_media(media="print")
        assert await page.locator("nav").is_hidden()
        assert await page.locator(".diff").evaluate("box => getComputedStyle(box).whiteSpace") == "pre-wrap"
        assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert (await page.pdf()).startswith(b"%PDF")
        assert record_samples.RUN_ID in await page.locator("footer").inner_text()
