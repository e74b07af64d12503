"""Dashboard, alert rules and StatsD mapping name what the code tells, and show all of it (FR-012)."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from activities.adapters.series import SERIES, Kind, Series
from activities.adapters.statsd import DEFAULT_PREFIX
from workflows.errors import CATALOGUE
from workflows.models.status import RunStatus, StepName, StepStatus

DEPLOY = Path(__file__).parents[2] / "deploy"
NAMED = {series.prometheus: series for series in SERIES}
PANELS: list[dict[str, Any]] = json.loads((DEPLOY / "grafana" / "mm-orchestrator.json").read_text())["panels"]
RULES: list[dict[str, Any]] = YAML(typ="safe").load(
    (DEPLOY / "alerts" / "mm-orchestrator.rules.yaml").read_text()
)["groups"][0]["rules"]
MAPPINGS: list[dict[str, Any]] = YAML(typ="safe").load((DEPLOY / "statsd" / "mapping.yaml").read_text())[
    "mappings"
]
EXPRESSIONS = [target["expr"] for panel in PANELS for target in panel.get("targets", ())]
EXPRESSIONS += [rule["expr"] for rule in RULES]
_METRIC = re.compile(r"\bmm_orchestrator_\w+")
_PART = re.compile(r"_(?:bucket|sum|count)$")
VALUES = {
    "status": set(RunStatus),
    "step": set(StepName),
    "outcome": {StepStatus.SUCCEEDED, StepStatus.FAILED, StepStatus.SKIPPED, "delivered", "dropped"},
    "code": set(CATALOGUE),
}


def named_in(expression: str) -> Iterator[str]:
    """Metrics without what a histogram adds."""
    for name in _METRIC.findall(expression):
        yield name if name in NAMED else _PART.sub("", name)


def mapped(statsd: str, kind: Kind) -> tuple[str, dict[str, str]] | None:
    """What statsd_exporter makes of a name: a word is preferred to a star, level by level."""
    wanted = {Kind.COUNTER: "counter", Kind.TIMER: "observer", Kind.GAUGE: "gauge"}[kind]
    levels, found = statsd.split("."), []
    for rule in MAPPINGS:
        pattern = rule["match"].split(".")
        if rule["match_metric_type"] != wanted or len(pattern) != len(levels):
            continue
        if all(star in {"*", level} for star, level in zip(pattern, levels, strict=True)):
            stars = [level for star, level in zip(pattern, levels, strict=True) if star == "*"]
            found.append(([star == "*" for star in pattern], rule, stars))
    if not found:
        return None
    _, rule, stars = min(found, key=lambda candidate: candidate[0])
    labels = {name: stars[int(value[1:]) - 1] for name, value in rule.get("labels", {}).items()}
    return rule["name"], labels


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_metric_and_label_that_is_asked_for_exists(expression: str) -> None:
    """A graph of a name with a typing error is an empty graph for ever."""
    names = set(named_in(expression))
    assert names
    assert names <= set(NAMED)
    known = {label for name in names for label in NAMED[name].labels} | {"le"}
    for grouped in re.findall(r"by \(([\w, ]+)\)", expression):
        assert set(grouped.replace(" ", "").split(",")) <= known
    for name, selectors in re.findall(r"(mm_orchestrator_\w+)\{([^}]*)\}", expression):
        for label, operator, value in re.findall(r'(\w+)(=~?)"([^"]*)"', selectors):
            assert label in NAMED[_PART.sub("", name)].labels
            assert set(value.split("|") if operator == "=~" else [value]) <= VALUES[label]


@pytest.mark.parametrize("series", SERIES, ids=lambda series: series.path)
def test_every_series_is_shown(series: Series) -> None:
    """What nobody can see need not be told."""
    shown = {name for panel in PANELS for t in panel.get("targets", ()) for name in named_in(t["expr"])}
    assert series.prometheus in shown


@pytest.mark.parametrize("series", SERIES, ids=lambda series: series.path)
def test_the_mapping_finds_name_and_labels(series: Series) -> None:
    """The dotted name becomes the very metric that OpenTelemetry would have."""
    values = [f"{label}-value" for label in series.labels]
    told = mapped(f"{DEFAULT_PREFIX}.{series.statsd(*values)}", series.kind)
    assert told == (series.prometheus, dict(zip(series.labels, values, strict=True)))


def test_the_mapping_has_nothing_else() -> None:
    """A series that is gone leaves no rule behind."""
    assert sorted(rule["name"] for rule in MAPPINGS) == sorted(NAMED)
    assert len(NAMED) == len(SERIES) == len({series.path for series in SERIES})


def test_histograms_are_asked_by_bucket_and_counters_by_increase() -> None:
    """A bare counter or a bare histogram says nothing to anybody."""
    for expression in EXPRESSIONS:
        for name in _METRIC.findall(expression):
            base = name if name in NAMED else _PART.sub("", name)
            assert (NAMED[base].kind is Kind.TIMER) == (name == f"{base}_bucket"), expression


def test_panels_are_well_formed() -> None:
    """Ids unique, everything described, nothing on top of something else."""
    ids = [panel["id"] for panel in PANELS]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}  # fmt: skip
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
        assert panel["type"] == "row" or (panel["description"] and panel["targets"])


def test_every_alert_says_what_to_do_and_how_bad_it_is() -> None:
    """Names unique; the two that must wake somebody are critical."""
    names = [rule["alert"] for rule in RULES]
    assert len(names) == len(set(names))
    assert all(rule["annotations"]["summary"] for rule in RULES)
    assert {rule["labels"]["severity"] for rule in RULES} == {"critical", "warning"}
    critical = {rule["alert"] for rule in RULES if rule["labels"]["severity"] == "critical"}
    assert critical == {"MMOrchestratorRollbackIncomplete", "MMOrchestratorWorkerDown"}


@pytest.mark.parametrize("series", SERIES, ids=lambda series: series.path)
def test_every_series_has_its_row_in_the_page(series: Series) -> None:
    """Names and kind as they are; the words are the table's own."""
    row = f"| `{series.path}` | `{series.prometheus}` | {series.kind} | {series.meaning} |"
    assert row in (DEPLOY / "METRICS.md").read_text().splitlines()
