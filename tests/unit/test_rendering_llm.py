"""A plan that rests on a language model says so wherever somebody reads it."""

from rich.console import Console, RenderableType

from activities.diagnosis.rendering import render_analysis
from activities.report import commit_message
from starter.rendering.explain import explain_view
from starter.rendering.plan import plan_view
from tests.unit.record_samples import SUCCEEDED
from workflows.models.finding import Finding, FindingKind, FindingOrigin
from workflows.models.plan import GeneratedBy
from workflows.models.record import RunRecord
from workflows.ports import AnalyzeResult

DOUBT = "frobnicator is not in the knowledge base: only a language model names it"
COST = "the language model tiny was asked (question sha256 0123456789abcdef), tiny-1 answered in 2.1 s"
FINDING = Finding(
    rule="llm.proposal",
    kind=FindingKind.ADD_PYTHON_PACKAGE,
    names=("frobnicator",),
    target="requirements.txt",
    origin=FindingOrigin.LLM,
    reason="a language model suggests: the frob engine is missing",
    consulted=(COST,),
    doubts=(DOUBT,),
)


def shown(view: RenderableType) -> str:
    """The view as plain text on a wide terminal."""
    console = Console(width=200, no_color=True)
    with console.capture() as capture:
        console.print(view)
    return capture.get()


def by_llm() -> RunRecord:
    """A record whose plan a model made."""
    assert SUCCEEDED.plan is not None
    plan = SUCCEEDED.plan.model_copy(update={"findings": (FINDING,), "generated_by": GeneratedBy.LLM})
    return SUCCEEDED.model_copy(update={"plan": plan})


def test_the_plan_shows_author_origin_doubt_and_cost() -> None:
    """What an approver has to know."""
    plan = by_llm().plan
    assert plan is not None
    text = shown(plan_view(plan))
    for said in (
        "proposed by a language model",
        "(llm: llm.proposal)",
        f"doubt: {DOUBT}",
        f"consulted: {COST}",
    ):
        assert said in text


def test_explain_and_commit_message_name_the_author() -> None:
    """Who reads only one screen, or only the history of the repository, reads it too."""
    record = by_llm()
    assert "(proposed by a language model)" in shown(explain_view(record))
    assert "A language model proposed it" in commit_message(record)
    assert "language model" not in commit_message(SUCCEEDED)


def test_the_analysis_shows_doubts_and_what_was_asked() -> None:
    """``analyze.log``: the finding with its doubt, and the note on the question."""
    result = AnalyzeResult(healthy=False, findings=(FINDING,), reason=FINDING.reason, warnings=(COST,))
    text = render_analysis("api", (), result)
    for said in (f"doubt: {DOUBT}", f"consulted: {COST}", f"note:    {COST}", "by llm"):
        assert said in text
