"""The numbers on a terminal and as a page: golden text, no orders to a terminal, nothing fetched."""

import os
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from starter.rendering.numbers import percent, reduction
from starter.rendering.statistics import statistics_view
from starter.rendering.statistics_html import statistics_page
from starter.rendering.svg import Bar, bars
from starter.statistics.baseline import Baseline
from starter.statistics.compute import Gathered, Period, statistics_of
from starter.statistics.facts import Cause
from starter.statistics.model import Month, Statistics
from tests.unit.record_samples import ESCAPES
from tests.unit.statistics_samples import facts
from tests.unit.test_rendering_views import rendered
from workflows.models.status import RunStatus

GOLDEN = Path(__file__).parent.parent / "golden" / "statistics"
PERIOD = Period(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 11, tzinfo=UTC))
NOW = datetime(2026, 4, 11, 9, 30, tzinfo=UTC)


def some() -> Statistics:
    """A period with something of everything."""
    runs = [
        *(facts(n, repair_seconds=40.0 * n, downtime_seconds=2.0 + n) for n in range(1, 41)),
        facts(41, gated=True, approved=1, waits=(95.0,), refused=("self_approval",), typed_commands=3),
        facts(42, gated=True, approval_problem="no approval is on record"),
        facts(43, lacking=("build",), retrievable_seconds=None, service="web"),
        facts(44, status=RunStatus.ROLLED_BACK, code="health_timeout", repair_seconds=None, rolled_back=True),
        facts(
            45,
            status=RunStatus.FAILED,
            code="rollback_incomplete",
            repair_seconds=None,
            rolled_back=True,
            rollback_incomplete=True,
        ),
        facts(24 * 35, causes=(Cause("node.cannot-find-module", "add_node_package", ("left-pad",)),)),
    ]
    gathered = Gathered(runs, {"awaiting_external": 1}, {"terminated": 2}, ("said by somebody",))
    baseline = Baseline(manual_commands_per_recovery=12)
    return statistics_of(gathered, PERIOD, NOW, {"2026-03": 30}, baseline)


def none() -> Statistics:
    """A period in which nothing was started."""
    return statistics_of(Gathered([]), PERIOD, NOW, {})


def hostile() -> Statistics:
    """Every word that comes from elsewhere is an order to a terminal, and markup."""
    words = f"{ESCAPES}<script>alert(1)</script>\"'"
    cause = Cause(words, words, (words,))
    runs = [
        facts(
            n, project=words, service=words, causes=(cause,), code=words, refused=(words,), gated=True,
            approval_problem=words, lacking=(words,), rollback_incomplete=True,
            status=RunStatus.SUCCEEDED if n == 1 else RunStatus.FAILED,
        )
        for n in (1, 2)
    ]  # fmt: skip
    period = Period(PERIOD.since, PERIOD.until, words)
    return statistics_of(Gathered(runs, {words: 1}, {words: 1}, (words,)), period, NOW, {})


@pytest.mark.parametrize(("name", "width"), [("some", 100), ("some", 60), ("none", 100)])
def test_the_table_is_as_its_golden_file(name: str, width: int) -> None:
    """UPDATE_GOLDEN=1 writes it anew and fails."""
    text = rendered(statistics_view({"some": some, "none": none}[name]()), width)
    path = GOLDEN / f"{name}-{width}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)
        pytest.fail(f"{path.name} written; read it")
    assert text == path.read_text()


def test_nothing_a_terminal_would_obey_gets_through() -> None:
    """Names of projects, causes and codes are shown, not obeyed."""
    text = rendered(statistics_view(hostile()), 400, force_terminal=True, color_system=None)
    assert re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text) is None
    assert "[red]not markup[/red]" in text


class Page(HTMLParser):
    """What a browser would make of a page."""

    VOID = frozenset({"meta", "br", "path", "rect"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        self.addresses += [str(v) for k, v in attrs if k in {"src", "href", "action"} or "url(" in str(v)]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element without content."""
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """An element ends: the one that began last."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Text."""
        self.texts.append(data)


@pytest.mark.parametrize("make", [some, none, hostile])
def test_the_page_is_well_formed_and_fetches_nothing(make: object) -> None:
    """No script, no address; every element is closed; hostile names are text."""
    text = statistics_page(make())  # type: ignore[operator]
    page = Page(text)
    assert page.open == []
    assert page.addresses == []
    assert "script" not in page.tags
    assert re.search(r"https?:|url\(|@import", text) is None
    assert "prefers-color-scheme:dark" in text
    assert re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text) is None


def test_the_page_has_the_numbers_and_the_plots() -> None:
    """As the table: met and missed, the named runs, a bar per day and month, the limit's line."""
    page = Page(statistics_page(some()))
    text = " ".join(page.texts)
    assert page.tags.count("svg") == 3
    for words in ("NOT MET: 50 % (1 of n=2)", "no approval is on record", "add_node_package"):
        assert words in text
    assert "no data" in Page(statistics_page(none())).texts
    assert Page(statistics_page(none())).tags.count("svg") == 0


def test_a_plot_is_to_scale() -> None:
    """The tallest bar fills the height, half of it half; the limit stands before its bar."""
    text = bars("t", [Bar("a", {"repairs": 10}), Bar("b", {"repairs": 5}, mark=10)], limit_before=1)
    heights = [float(h) for h in re.findall(r'class="repairs"[^>]* height="([\d.]+)"', text)]
    assert heights[0] == pytest.approx(2 * heights[1])
    assert text.count('class="limit"') == 1
    assert text.count('class="mark"') == 1
    assert "<title>b: 5 repairs</title>" in text


@pytest.mark.parametrize(
    ("part", "words"), [(None, "no data"), (1.0, "100 %"), (0.8999, "89.9 %"), (0.9, "90 %"), (0.0, "0 %")]
)
def test_a_share_is_never_rounded_up(part: float | None, words: str) -> None:
    """89.99 % are not 90 %."""
    assert percent(part) == words


def test_more_commands_than_before_are_called_more() -> None:
    """A negative reduction is no small print."""
    month = Month(month="2026-03", recoveries=1, typed_commands=1, reduction_percent=-20.0)
    assert reduction(month) == "20 % MORE"
