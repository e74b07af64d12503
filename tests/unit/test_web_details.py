"""The Web UI's markdown: what an operator can act on, and what no text from elsewhere can turn it into."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.unit import record_samples as samples
from workflows.markdown import code, cut, fence, link, words
from workflows.models.approval import Approval, Verdict
from workflows.models.failure import Failure
from workflows.models.finding import Finding, FindingKind, Quote
from workflows.models.lane import LaneStanding
from workflows.models.policy import ApprovalGate, Trust
from workflows.models.record import RollbackOutcome, RunRecord, StepRecord
from workflows.models.request import RunRequest
from workflows.models.status import RunStatus, StepName, StepStatus
from workflows.web_details import MOST_BYTES, SUMMARY_BYTES, details, static_details, static_summary

GATE = ApprovalGate(
    protected=True, approver_roles=("sre",), time_limit_seconds=3600, reasons=("adds a package",)
)
MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
_BARE_ADDRESS = re.compile(
    r"(https?://|www(?=\.))([-.\w]+)|(?:^|[\s\W])([-.\w+]+)@([-\w]+(?:\.[-\w]+)+)", re.IGNORECASE
)
"""What renderers of GitHub's markdown make a link of, also where it was escaped."""
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
LINK = "https://store.example:9000/evidence/build.log?X-Amz-Signature=ab12&X-Amz-Expires=604800"
NASTY = st.lists(
    st.sampled_from(
        [
            "[a](http://evil.example)", "![i](http://evil.example/x.png)", "<img src=http://evil.example>",
            "<script>", "</td>", "www.evil.example", "http://evil.example", "a@evil.example", "&lt;b&gt;",
            "<http://evil.example>", "[r]: http://evil.example", "[r]", "|", "||", "`", "``", "```", "~~~",
            "````", "\n", "\n\n", "\r", "# h", "- l", "1. n", "> q", "---", "===", "***b***", "__u__", "\\",
            "\\|", "\\`", "<!--", "-->", "<![CDATA[", "\u202e", "\u200b", "\x1b[2J", "\t", "    ", "é", "字",
            "HTTPS://EVIL.example", "wWw.evil.example", "x", " ", "mailto:a@evil.example", "&#104;ttp://e.x",
        ]
    )
    | st.text(max_size=6),
    max_size=14,
).map("".join)  # fmt: skip


def tokens(markdown: str) -> Iterator[Token]:
    """Every token, those inside a line too."""
    for token in MARKDOWN.parse(markdown):
        yield token
        yield from token.children or ()


def assert_harmless(markdown: str, own_links: tuple[str, ...] = ()) -> None:
    """No HTML, no image, no link but our own, nothing hidden."""
    assert _HIDDEN.search(markdown) is None
    for token in tokens(markdown):
        assert token.type not in {"html_block", "html_inline", "image", "hr", "code_block"}, token
        if token.type == "link_open":
            assert token.attrs["href"] in own_links
        if token.type == "text":
            assert _BARE_ADDRESS.search(token.content) is None, token.content


def outline(markdown: str) -> list[tuple[str, str]]:
    """The blocks of a text; what is inside a line does not count."""
    return [(token.type, token.tag) for token in MARKDOWN.parse(markdown) if token.type != "inline"]


def told_by(text: str) -> RunRecord:
    """A waiting run in which everything that others may write is this text."""
    finding = Finding(
        rule=text, kind=FindingKind.DECLINE, names=(text,), target=text, reason=text,
        quotes=(Quote(source=text, line=3, text=text),),
    )  # fmt: skip
    plan = samples.plan(summary=text or "x", findings=(finding,), diff=text or "x")
    steps = (
        StepRecord(name=StepName.BUILD, status=StepStatus.FAILED, started_at=samples.START, message=text),
        StepRecord(
            name=StepName.VERIFY, status=StepStatus.IN_PROGRESS, started_at=samples.START, message=text
        ),
    )
    odd = samples.artifact("x.log").model_copy(update={"name": text, "link": f"x{text}"})
    attempt = Approval(verdict=Verdict.REFUSED, approver=text, at=samples.START, message=text)
    return samples.record(
        RunStatus.AWAITING_APPROVAL, workflow_id=text or "x", instruction=text, service=text or "x",
        project=text or "x", requested_by=text or "x", plan=plan, steps=steps, approvals=(attempt,),
        warnings=(text or "x",), approval_deadline=samples.NOW, code=text or "x", summary=text,
        artifacts=(samples.artifact("build.log", link=LINK), odd),
        failure=Failure(code=text, step=StepName.BUILD, message=text, remedy=text or "x", artifacts=(text,)),
        rollback=RollbackOutcome(complete=False, state=text or "x", mismatches=(text,), not_undone=(text,)),
    )  # fmt: skip


GATES = ApprovalGate(approver_roles=("x",), reasons=("y",), trust=Trust.SIGNED)


@settings(max_examples=150, deadline=None)
@given(NASTY, st.sampled_from([RunStatus.AWAITING_APPROVAL, RunStatus.QUEUED, RunStatus.FAILED]))
def test_foreign_text_is_shown_and_never_obeyed(text: str, status: RunStatus) -> None:
    """No link, image, HTML or broken table out of any field; the page keeps its outline."""
    record = told_by(text).model_copy(update={"status": status})
    gate = GATES.model_copy(update={"approver_roles": (text,), "reasons": (text,)})
    shown = details(record, gate)
    assert len(shown.encode()) <= MOST_BYTES
    assert_harmless(shown, own_links=(LINK, MARKDOWN.normalizeLink(LINK)))
    rows = [line for line in shown.splitlines() if re.match("\\| [✔✘▶-]\u00a0(build|verify)", line)]
    assert [row.count("|") for row in rows] == [4, 4]
    plain = told_by("plain").model_copy(update={"status": status})
    assert set(outline(shown)) <= set(outline(details(plain, gate)))
    assert sum(kind == "heading_open" for kind, _ in outline(shown)) == 1


@settings(max_examples=100, deadline=None)
@given(NASTY)
def test_a_start_carries_no_foreign_markdown(text: str) -> None:
    """Summary and details of the start are bounded and harmless; they stay in the history."""
    request = RunRequest(instruction=f"x{text}", patch=text or None)
    summary = static_summary(f"api: {text * 50}")
    assert len(summary.encode()) <= SUMMARY_BYTES
    assert "\n" not in summary
    assert_harmless(summary)
    assert_harmless(static_details(request))


@given(NASTY)
def test_a_fence_ends_where_we_end_it(text: str) -> None:
    """Whatever backticks the diff holds, it is one block of code and nothing else."""
    blocks = [t for t in MARKDOWN.parse("\n".join(fence(text, "diff", 300))) if t.type != "inline"]
    assert blocks[0].type == "fence"
    assert {block.type for block in blocks[1:]} <= {"paragraph_open", "paragraph_close"}
    assert len(blocks[0].content.encode()) <= 300 + 1


@given(NASTY, st.integers(min_value=10, max_value=60))
def test_what_is_cut_fits(text: str, limit: int) -> None:
    """Bytes count, not characters: Temporal and the Web UI count so."""
    assert len(cut(text.encode("utf-8", "replace").decode(), limit).encode()) <= limit


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("yaml is missing: see api/requirements.txt", "yaml is missing: see api/requirements.txt"),
        ("a_b", "a_b"),
        ("_a_", "`_a_`"),
        ("see www.example.org", "`see www.example.org`"),
        ("GET http://x/health", "`GET http://x/health`"),
        ("a|b", "`a¦b`"),
        ("a`b", "``a`b``"),
        ("`a", "`` `a ``"),
        ("a\nb", "a b"),
        ("x\u202ey", "`x\\u202ey`"),
        ("1. first", "`1. first`"),
        ("", ""),
    ],
)
def test_plain_words_stay_words(text: str, shown: str) -> None:
    """Only what could be more than words is code."""
    assert words(text) == shown


def test_only_an_http_address_becomes_a_link() -> None:
    """Anything else is text."""
    assert link("build.log", LINK) == f"[build.log](<{LINK}>)"
    for address in ("javascript:alert(1)", "file:///etc/passwd", "s3://b/k", "http://x/)(", "http://x y"):
        assert link("a.log", address) == f"a.log at {code(address)}"


def test_a_waiting_run_says_everything_that_is_needed_to_decide() -> None:
    """Since when, until when, who, what, and the exact commands of both command lines (FR-009)."""
    shown = details(samples.WAITING, GATE)
    run, digest = samples.RUN_ID, samples.plan().digest
    for part in (
        "since 2026-03-01 12:00:00 UTC until 2026-03-01 13:00:00 UTC",
        "One person with role sre must approve because adds a package",
        digest[:12],
        f"mm-orchestrator approve {run}",
        f"mm-orchestrator reject {run} --reason WHY",
        f"mm-orchestrator keys sign {run}",
        """temporal workflow signal -w mm:5f0c1f5e --name Approve -i '{"token":"..."}'""",
        """temporal workflow signal -w mm:5f0c1f5e --name Reject -i '{"token":"...","reason":"WHY"}'""",
        "+PyYAML==6.0.2",
        "ModuleNotFoundError: No module named 'yaml'",
        "container log, line 14",
        "refused 2026-03-01 12:00:30 UTC by alice",
    ):
        assert part in shown, part
    unsigned = details(samples.WAITING, GATE.model_copy(update={"trust": Trust.UNSIGNED}))
    assert f"""--name Approve -i '{{"approver":"YOU","plan_digest":"{digest}"}}'""" in unsigned
    assert "keys sign" not in unsigned


def test_a_workflow_id_is_one_word_of_a_shell() -> None:
    """A client chooses it; what is copied must not run anything else."""
    hostile = samples.WAITING.model_copy(update={"workflow_id": "x'; rm -rf / #\n$(id)"})
    assert """signal -w 'x'"'"'; rm -rf / #?$(id)' --name Approve""" in details(hostile, GATE)


def test_a_queued_run_names_its_place_the_holder_and_the_hold() -> None:
    """Behind whom it waits, or who paused the project and how to go on."""
    lane = LaneStanding(position=2, holder="11111111-2222")
    queued = samples.record(RunStatus.QUEUED, lane=lane, summary="number 2")
    assert "place 2, behind run `11111111-2222`" in details(queued)
    held = samples.record(RunStatus.QUEUED, summary="on hold: alice holds project shop: release day")
    assert "**On hold**: alice holds project shop: release day" in details(held)
    assert "mm-orchestrator release shop" in details(held)


def test_an_ended_run_says_what_is_left_and_what_to_type() -> None:
    """Rolled back, incomplete and succeeded: state, remedy, next command."""
    back, left = details(samples.ROLLED_BACK), details(samples.INCOMPLETE)
    assert "Not repaired. What was changed was put back and measured to be as before." in back
    assert "**What to do**: Read verify.log." in back
    assert "Not undone: what api wrote to volume shop_data" in back
    assert "not everything could be put back" in left
    assert f"mm-orchestrator recover {samples.RUN_ID}" in left
    assert "Not as before: image sha256:aaaa, was sha256:bbbb" in left
    assert f"mm-orchestrator diff {samples.RUN_ID}" in details(samples.SUCCEEDED)


def test_artifacts_open_where_the_store_has_links() -> None:
    """A presigned address is a link, and never so many that the page grows without bound."""
    linked = [samples.artifact(f"build.{n}.log", link=f"{LINK}{'a' * 900}{n}") for n in range(40)]
    shown = details(samples.SUCCEEDED.model_copy(update={"artifacts": tuple(linked)}))
    assert "[build.0.log](<https://store.example:9000/" in shown
    assert "more: `mm-orchestrator artifacts`" in shown
    assert len(shown.encode()) <= MOST_BYTES


def test_twenty_rounds_of_everything_still_fit() -> None:
    """The largest record there can be: what matters most stays, the size is bounded."""
    step = samples.step(StepName.VERIFY, StepStatus.FAILED, message="字" * 500)
    steps = tuple(step.model_copy(update={"round": n}) for n in range(20) for _ in range(7))
    record = told_by("字`|" * 5000).model_copy(update={"steps": steps})
    shown = details(record, GATE)
    assert len(shown.encode()) <= MOST_BYTES
    assert f"mm-orchestrator approve {samples.RUN_ID}" in shown
    begun = record.approval_deadline and record.approval_deadline - timedelta(seconds=3600)
    assert f"since {begun:%Y-%m-%d}" in shown
