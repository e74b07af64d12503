"""``report.html``: complete, self-contained, accessible, and deaf to what others wrote (US2, FR-010)."""

import base64
import hashlib
import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.report_page.diff import MOST_LINES
from activities.report_page.probes import read_probes
from activities.report_page.style import CSS
from activities.verify import Probes
from tests.unit import page_samples
from tests.unit import record_samples as samples
from tests.unit.page_reader import Element, read_page
from tests.unit.test_web_details import told_by
from workflows.models.record import RunRecord
from workflows.models.status import RunStatus
from workflows.models.verification import ProbeResult, Vantage

GOLDEN = Path(__file__).parents[1] / "golden" / "report"
TAGS = {
    "document", "html", "head", "meta", "title", "style", "body", "header", "nav", "main", "footer",
    "section", "h1", "h2", "h3", "p", "span",
    "b", "a", "blockquote", "dl", "div", "dt", "dd", "ul", "li", "figure",
    "figcaption", "pre", "code", "table", "caption", "thead", "tbody", "tr", "th", "td", "svg", "rect",
}  # fmt: skip
ATTRIBUTES = {
    "lang", "charset", "http-equiv", "content", "name", "class", "id", "href", "rel", "scope", "data-label",
    "aria-label", "aria-labelledby", "aria-hidden", "role", "tabindex", "viewbox", "preserveaspectratio",
    "x", "y", "width", "height",
}  # fmt: skip
NASTY = st.lists(
    st.sampled_from(
        [
            "<script>alert(1)</script>", "</title>", "</style>", "<!--", "-->", "]]>", "<svg onload=x>",
            '"', "'", "&", "&amp;", "\u202e", "\x00", "\x1b[2J", "\ud800", "<img src=x onerror=y>",
            "javascript:alert(1)",
            "\n", "`", "</pre></code>", '" onclick="x', "é", "字", "<a href=http://evil.example>", "{{7*7}}",
        ]
    )
    | st.text(max_size=5),
    max_size=10,
).map("".join)  # fmt: skip


def assert_sound(page: bytes) -> Element:
    """Only our own elements and attributes, nothing loaded, nothing run, nothing hidden."""
    document = read_page(page)
    for element in document.all():
        assert element.name in TAGS, element.name
        assert set(element.attributes) <= ATTRIBUTES, element.attributes
    for anchor in document.all("a"):
        href = anchor.attributes["href"]
        assert re.fullmatch(r"#[a-z]+|[a-z0-9][a-z0-9.-]*|" + re.escape(page_samples.LINK), href), href
    shown = document.whole_text
    assert re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069]", shown) is None
    return document


@pytest.mark.parametrize("name", page_samples.GOLDEN)
def test_a_page_is_as_its_golden_file(name: str) -> None:
    """UPDATE_GOLDEN=1 writes it anew and fails; then look at it in a browser."""
    path = GOLDEN / f"{name}.html"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_bytes(page_samples.PAGES[name])
        pytest.fail(f"{path.name} written; look at it")
    assert page_samples.PAGES[name].decode() == path.read_text()


@pytest.mark.parametrize("name", page_samples.PAGES)
def test_every_kind_of_end_has_a_sound_page(name: str) -> None:
    """Landmarks, one first heading, ordered headings, named sections, tables with headers and captions."""
    document = assert_sound(page_samples.PAGES[name])
    for landmark in ("header", "nav", "main", "footer", "h1", "title"):
        assert len(document.all(landmark)) == 1, landmark
    assert document.all("html")[0].attributes["lang"] == "en"
    ids = [element.attributes["id"] for element in document.all() if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    for section in document.all("section"):
        assert section.attributes["aria-labelledby"] in ids
    for anchor in document.all("nav")[0].all("a"):
        assert anchor.attributes["href"].removeprefix("#") in ids
    for table in document.all("table"):
        assert table.all("caption")[0].whole_text
        assert all(cell.attributes["scope"] in {"col", "row"} for cell in table.all("th"))
        width = len(table.all("thead")[0].all("th"))
        rows = table.all("tbody")[0].all("tr")
        assert {len(row.children) for row in rows} <= {width}
    for picture in document.all("svg"):
        assert picture.attributes["role"] == "img"
        assert picture.attributes["aria-label"]


def test_nothing_is_loaded_or_run() -> None:
    """The policy permits our style and nothing else; the page holds neither script nor source."""
    page = page_samples.PAGES["succeeded"].decode()
    document = read_page(page.encode())
    policy = next(m for m in document.all("meta") if m.attributes.get("http-equiv"))
    digest = base64.b64encode(hashlib.sha256(document.all("style")[0].text.encode()).digest()).decode()
    assert policy.attributes["content"] == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert re.search(r"<script|\bsrc=|url\(|@import|<link|<iframe| on\w+=| style=", page) is None
    viewport = next(m for m in document.all("meta") if m.attributes.get("name") == "viewport")
    assert viewport.attributes["content"] == "width=device-width, initial-scale=1"


def section(name: str, identifier: str) -> str:
    """The text of one section of a sample's page."""
    document = read_page(page_samples.PAGES[name])
    return next(s.whole_text for s in document.all("section") if s.attributes["id"] == identifier)


@pytest.mark.parametrize(
    ("name", "identifier", "parts"),
    [
        ("succeeded", "cause", ("ModuleNotFoundError: No module named 'yaml'", "container log, line 14")),
        ("succeeded", "change", ("+PyYAML==6.0.2", "digest".title(), samples.plan().digest)),
        (
            "succeeded",
            "approvals",
            ("bob", "sre", "approved", "signed, key 0123456789abcdef", "self_approval"),
        ),
        ("succeeded", "timeline", ("build", "42 s", "approve", "30 min 00 s", "drawn shorter", "turn")),
        ("succeeded", "probes", ("38 of 50 good", "first good after 4.8 s", "from inside target", "healthy")),
        ("succeeded", "neighbours", ("shop-store-1", "shop-worker-1", "untouched")),
        ("succeeded", "files", ("api/requirements.txt", "a" * 64, "b" * 64, "changed")),
        ("succeeded", "artifacts", ("build.log", "ab" * 32, "20.0 KiB", "stored")),
        ("succeeded", "next", (f"mm-orchestrator diff {samples.RUN_ID}", "for <shop>")),
        ("rolled-back", "failure", ("health_timeout", "GET /health answered 500", "Read verify.log.")),
        ("rolled-back", "rollback", ("complete", "image shop-api", "sha256:" + "c" * 64, "yes", "shop_data")),
        ("rolled-back", "neighbours", ("restarted by itself",)),
        ("incomplete", "rollback", ("not complete", "Not as before: image sha256:aaaa")),
        ("incomplete", "next", (f"mm-orchestrator recover {samples.RUN_ID}",)),
        ("unavailable", "failure", ("docker_unavailable", "Start the Docker daemon")),
        ("unavailable", "state", ("Nothing was changed",)),
    ],
)
def test_what_an_operator_looks_for_is_there(name: str, identifier: str, parts: tuple[str, ...]) -> None:
    """Each section answers its question."""
    told = section(name, identifier)
    assert [part for part in parts if part not in told] == []


def test_the_status_is_a_word_as_well_as_a_colour() -> None:
    """Who sees no colour reads it."""
    for name, word in (("succeeded", "succeeded"), ("rolled-back", "rolled back"), ("rejected", "rejected")):
        badge = read_page(page_samples.PAGES[name]).all("header")[0].all("span")[0]
        assert badge.whole_text == word


def hostile(text: str, status: RunStatus) -> RunRecord:
    """Everything foreign is this text."""
    return told_by(text).model_copy(update={"status": status, "completed_at": samples.NOW})


@settings(max_examples=80, deadline=None)
@given(NASTY, st.sampled_from([RunStatus.FAILED, RunStatus.ROLLED_BACK, RunStatus.SUCCEEDED]))
def test_hostile_text_is_shown_word_for_word_and_nothing_else(text: str, status: RunStatus) -> None:
    """Tags, quotes, bidirectional marks and escapes: text, in every field and in diff, logs and commit."""
    record = hostile(text, status)
    log = f"2026-03-01T12:00:00.0Z + 0.1s ok   {text} [worker] {text} (0.1 s)\nverdict: {text}\n"
    page = page_samples.page_of(record, diff=text, logs=(log, text), commit=text)
    document = assert_sound(page)
    plain = read_page(page_samples.page_of(hostile("plain", status), diff="x", logs=(log,), commit="x"))
    assert {e.name for e in document.all()} <= {e.name for e in plain.all()} | {"h3", "figure", "svg", "rect"}


def test_a_huge_text_does_not_make_a_huge_page() -> None:
    """A megabyte in every field stays some pages; the beginning is there, and that something is missing."""
    page = page_samples.page_of(hostile("<&" * 500_000, RunStatus.FAILED), logs=("x" * 1_000_000,))
    assert len(page) < 600_000
    assert b"characters more)" in page
    assert_sound(page)


def test_a_diff_of_ten_thousand_lines_is_cut_with_a_note() -> None:
    """What is left out is counted, and where it is."""
    page = page_samples.page_of(samples.SUCCEEDED, diff="".join(f"+line {n}\n" for n in range(10_000)))
    assert f"{10_000 - MOST_LINES} more lines are in patch.diff." in page.decode()
    assert page.count(b'class="add"') == MOST_LINES
    assert len(page) < 200_000


def test_text_can_be_read_in_light_and_dark() -> None:
    """WCAG AA: 4.5 to 1 for every colour of text on every ground it stands on."""
    light, dark, _ = (
        dict(re.findall(r"--(\w+):(#\w+)", block)) for block in re.findall(r":root\{[^}]*\}", CSS)
    )
    for colours in (light, dark):
        for ink in ("fg", "dim", "ok", "bad", "wait", "link", "hunk"):
            for ground in ("bg", "soft"):
                assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
        for ground in ("addbg", "delbg"):
            assert contrast(colours["fg"], colours[ground]) >= 4.5, ground


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
    channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_log_cannot_forge_probes() -> None:
    """What follows the verdict are the service's own words; a probe's line inside them is no probe."""
    assert "forged" in page_samples.verify_log()
    assert "forged" not in page_samples.PAGES["succeeded"].decode()
    assert "[worker] (0.001 s)" in section(
        "rolled-back", "probes"
    )  # an answer may look like the end of a line


@given(st.text(max_size=60), st.booleans(), st.floats(min_value=0, max_value=999), st.sampled_from(Vantage))
def test_every_probe_that_is_logged_is_read_back(
    text: str, ok: bool, elapsed: float, vantage: Vantage
) -> None:
    """Whatever a service answers: one line, one probe, the same words."""
    check = "http http://localhost/health"
    result = ProbeResult(
        at=samples.START, check=check, vantage=vantage, ok=ok, detail=text, elapsed_seconds=elapsed
    )
    line = Probes().line(result)
    (probe,) = read_probes(f"{line}\nverdict: healthy \n", 1).probes
    assert (probe.ok, probe.detail) == (ok, " ".join(text.split()))
    assert probe.check == (f"{check} from inside target" if vantage is Vantage.TARGET else check)
    assert abs(probe.elapsed - elapsed) < 0.001


def test_an_endless_line_costs_no_time() -> None:
    """A line that was made to be hard to read is not read."""
    line = "2026-03-01T12:00:00.0Z + 0.1s ok   " + "[worker] ( [worker] " * 50_000
    assert read_probes(line, 1).probes == ()
