"""The page as a whole: what an operator asks first comes first."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from activities.report_page import proofs, story
from activities.report_page.diff import diff_view
from activities.report_page.markup import Html, join, section, tag
from activities.report_page.probes import Verification, probe_charts
from activities.report_page.style import CONTENT_SECURITY_POLICY, CSS
from activities.report_page.timeline import timeline
from workflows.models.artifact import RunArtifact
from workflows.models.record import RunRecord, RunReport
from workflows.telling import when

PAGE_NAME: Final = "report.html"


@dataclass(frozen=True)
class Evidence:
    """What is shown beside the report; all of it masked already."""

    diff: str = ""
    """The whole diff; empty: the plan's own excerpt is shown."""
    verifications: tuple[Verification, ...] = ()
    artifacts: tuple[RunArtifact, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    """Artifact name -> where a browser can open it; from the store itself, because masking would break it."""


def report_page(report: RunReport, evidence: Evidence) -> bytes:
    """The page, as UTF-8.

    Args:
        report: the masked report.
        evidence: what belongs to it.
    """
    record = report.record
    title = f"{record.status.replace('_', ' ')}: {record.service or 'run'} - {record.instruction[:80]}"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{CONTENT_SECURITY_POLICY}">'),
        tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name_="referrer", content="no-referrer"),
        tag("meta", name_="color-scheme", content="light dark"),
        tag("title", title),
        Html(f"<style>{CSS}</style>"),
    )
    sections = [part for part in _sections(report, evidence) if part]
    foot = tag(
        "footer", tag("p", f"Run {record.run_id}. Written {when(record.completed_at)}. Secrets are masked.")
    )
    body = tag("body", story.outcome(record), _contents(sections), tag("main", sections), foot)
    return ("<!DOCTYPE html>\n" + tag("html", head, body, lang="en") + "\n").encode("utf-8", "replace")


def _sections(report: RunReport, evidence: Evidence) -> list[Html | None]:
    record = report.record
    return [
        story.failure(record),
        story.state(record),
        story.cause(record),
        _change(record, evidence),
        _timeline(record),
        _probes(evidence),
        proofs.neighbours(record),
        proofs.approvals(record),
        proofs.rollback(record),
        proofs.files(record),
        story.warnings(record),
        story.next_steps(report),
        proofs.artifacts(evidence.artifacts, evidence.links),
    ]


def _contents(sections: list[Html]) -> Html:
    names = [part.split('id="', 1)[1].split('"', 1)[0] for part in sections]
    links = [[tag("a", name.capitalize(), href=f"#{name}"), " "] for name in names]
    return tag("nav", links, aria_label="Contents")


def _change(record: RunRecord, evidence: Evidence) -> Html | None:
    diff = evidence.diff or (record.plan.diff if record.plan else "")
    facts = story.plan_facts(record)
    if not diff and facts is None:
        return None
    shown = diff_view(diff) if diff else tag("p", "The plan changes no file.", class_="note")
    return section("change", "Change", facts, shown)


def _timeline(record: RunRecord) -> Html | None:
    chart = timeline(record)
    return section("timeline", "Timeline", chart) if chart else None


def _probes(evidence: Evidence) -> Html | None:
    charts = probe_charts(evidence.verifications)
    if not charts:
        return None
    legend = (
        "A bar is a probe: a good one is as tall as its answer took, one that was not good is full height."
    )
    return section("probes", "Verification", tag("p", legend, class_="note"), join(charts))
