"""Temporal's own Web UI, in a real browser, shows an operator what to do (US2, FR-009)."""

import asyncio
import shlex
from contextlib import suppress

import pytest
from playwright.async_api import BrowserContext, Frame, Page
from playwright.async_api import TimeoutError as PlaywrightTimeout

from tests.browser.chromium import shoot, watched
from tests.browser.ui_stage import BEAT, INSTRUCTION, LINK, STATES, UiStage
from worker.temporal_server import temporal_executable
from workflows.models.status import RunStatus

pytestmark = pytest.mark.asyncio(loop_scope="module")
DETAILS = {
    "running": ("At work: build, round 1, since", "mm-orchestrator watch"),
    "awaiting-approval": (
        "Waits for an approval. Nothing is written or locked meanwhile.",
        "One person with role sre must approve because service api is protected by the policy",
        "mm-orchestrator keys sign",
        'temporal workflow signal -w mm:awaiting-approval --name Approve -i \'{"token":"..."}\'',
        "temporal workflow signal -w mm:awaiting-approval --name Reject",
        "ModuleNotFoundError: No module named 'yaml'",
        "+PyYAML==6.0.2",
    ),
    "rolled-back": (
        "Not repaired. What was changed was put back and measured to be as before.",
        "api did not become healthy within 120 s: GET /health answered 500",
        "api runs its previous image again; all files are as before",
        "Not undone: what api wrote to volume shop_data",
        "mm-orchestrator explain",
    ),
    "succeeded": ("Done: api was measured healthy.", "1 other container of the project untouched", "diff"),
}
HEIGHTS = {"running": 1150, "awaiting-approval": 1300, "rolled-back": 1350, "succeeded": 1300}


async def see(page: Page, text: str) -> None:
    """Wait until the page shows this; a person, too, would load it again after a while."""
    for patience in (15_000, 30_000, 45_000):
        with suppress(PlaywrightTimeout):
            await page.get_by_text(text).filter(visible=True).first.wait_for(timeout=patience)
            return
        instead = await page.locator("body").inner_text()
        await page.reload()
    raise AssertionError(f"never shown: {text}, but {instead}")


async def frame_with(page: Page, text: str) -> Frame:
    """The frame that shows this text: the Web UI renders each piece of markdown in one of its own."""
    for attempt in range(3):
        if attempt:
            await page.reload()
        for _ in range(150 * (attempt + 1)):
            for frame in page.frames[1:]:
                if text in await shown(frame):
                    return frame
            await asyncio.sleep(0.1)
    raise AssertionError(f"no frame shows {text!r}: {[await shown(frame) for frame in page.frames[1:]]}")


async def shown(frame: Frame) -> str:
    """The text of a frame; empty while it is loading."""
    try:
        text: str = await frame.evaluate("document.body ? document.body.innerText : ''")
    except Exception:  # noqa: BLE001 - it navigates just now
        return ""
    return text


@pytest.mark.parametrize("state", STATES)
async def test_the_user_metadata_tab_tells_an_operator_what_to_do(
    desk: BrowserContext, stage: UiStage, state: str
) -> None:
    """What was asked, how it stands, the exact commands, and nothing that is cut off at the side."""
    async with watched(desk) as (page, seen):
        await page.goto(stage.page(stage.runs[state], "user-metadata"))
        await see(page, "User Metadata")
        first, *others = DETAILS[state]
        frame = await frame_with(page, first)
        text = await shown(frame)
        assert [part for part in others if part not in text] == []
        assert INSTRUCTION in text
        assert await frame.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await frame_with(page, f"api: {INSTRUCTION}")
        await frame_with(page, "Asked by dave for")
        assert {
            request for request in seen.requests if not request.startswith((stage.ui, "data:", "blob:"))
        } == set()
        await page.set_viewport_size({"width": 1280, "height": HEIGHTS[state]})
        await page.wait_for_timeout(300)
        await shoot(page, f"web-ui-{state}", left=256)


async def test_evidence_can_be_opened_from_the_details(desk: BrowserContext, stage: UiStage) -> None:
    """Where the store gives a link it is one."""
    async with watched(desk) as (page, _):
        await page.goto(stage.page(stage.runs["succeeded"], "user-metadata"))
        frame = await frame_with(page, "Evidence")
        hrefs = await frame.eval_on_selector_all("a", "all => all.map(a => [a.innerText, a.href])")
        assert ["report.html", f"{LINK}report.html?X-Amz-Signature=ab12"] in hrefs


async def test_the_timeline_and_the_heartbeat_say_what_a_step_is_about(
    desk: BrowserContext, stage: UiStage
) -> None:
    """The build's row names service and round; its heartbeat the build step, the time and the log's size."""
    async with watched(desk) as (page, _):
        await page.goto(stage.page(stage.runs["running"], "timeline"))
        await see(page, "build api, round 1")
        await see(page, "guards the run on api of shop")
        await page.goto(stage.page(stage.runs["running"], "pending-activities"))
        await see(page, BEAT)


async def test_the_list_finds_the_waiting_runs_and_memo_and_attributes_say_why(
    desk: BrowserContext, stage: UiStage
) -> None:
    """``mm_state="awaiting_external"``: the runs that somebody must look at, and no other."""
    query = "mm_state%3D%22awaiting_external%22"
    async with watched(desk) as (page, _):
        await page.goto(f"{stage.ui}/namespaces/default/workflows?query={query}")
        await see(page, "mm:awaiting-approval")
        assert await page.get_by_role("link", name="mm:running").count() == 0
        await page.goto(stage.page(stage.runs["awaiting-approval"], "memo"))
        await see(page, "waiting_reason")
        await see(page, "waits for approval of plan")
        await page.goto(stage.page(stage.runs["awaiting-approval"], "search-attributes"))
        await see(page, "awaiting_external")


async def test_foreign_text_obeys_nobody_and_the_shown_command_approves(
    desk: BrowserContext, stage: UiStage
) -> None:
    """An instruction full of markup stays text; the command as it is shown, with a token, approves."""
    async with watched(desk) as (page, seen):
        await page.goto(stage.page(stage.hostile, "user-metadata"))
        frame = await frame_with(page, "Waits for an approval.")
        assert "[click](http://evil.example) <img src=x onerror=alert(1)>" in await shown(frame)
        for each in page.frames:
            assert await each.locator("a[href*='evil'], img[src='x'], script[src*='evil']").count() == 0
        assert [said for said in seen.complaints if "dialog" in said] == []
        assert [url for url in seen.requests if url.startswith("http://evil")] == []
        commands = await frame.eval_on_selector_all("code", "all => all.map(c => c.innerText)")
    line = next(c for c in commands if c.startswith("temporal workflow signal") and "--name Approve" in c)
    program, *arguments = shlex.split(line.replace("...", "by:alice"))
    assert program == "temporal"
    address = stage.client._client.service_client.config.target_host
    ran = await asyncio.create_subprocess_exec(temporal_executable(), *arguments, "--address", address)
    assert await asyncio.wait_for(ran.wait(), 120) == 0
    for _ in range(1200):
        record = await stage.client.get(stage.hostile)
        if record.status is RunStatus.SUCCEEDED:
            break
        await asyncio.sleep(0.05)
    assert record.status is RunStatus.SUCCEEDED, record.approvals
