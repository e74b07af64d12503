"""A few broken services of the bench, repaired for real; the whole is ``make bench-repair``."""

from collections import Counter
from collections.abc import Iterator

import docker
import pytest

from tests.repair.broken import Begin, Broken, Damage, End, load_broken
from tests.repair.repair_report import Outcome, report
from tests.repair.repairs import Workbench, workbench

CASES = load_broken()
SHORT = [case for case in CASES if case.short]


@pytest.fixture(scope="module")
def table(
    docker_engine: docker.DockerClient, base_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workbench]:
    """One worker for all of them, as the bench has it."""
    with workbench(tmp_path_factory.mktemp("repairs"), docker_engine) as made:
        yield made


@pytest.mark.parametrize("case", SHORT, ids=lambda case: case.id)
def test_a_service_ends_as_its_case_says(table: Workbench, case: Broken) -> None:
    """Repaired by exactly the expected change, or left and put back byte for byte."""
    outcome = table.play(case)
    assert outcome.end is case.end, outcome.detail


def test_the_cases_cover_what_the_bench_claims() -> None:
    """Every class of damage, every end, every beginning; Python most of all."""
    assert len(CASES) >= 30
    assert {case.damage for case in CASES} == set(Damage)
    assert {case.end for case in CASES} == {End.REPAIRED, End.DECLINED, End.ROLLED_BACK}
    assert {case.begin for case in CASES} == set(Begin)
    assert {case.end for case in SHORT} == {End.REPAIRED, End.DECLINED, End.ROLLED_BACK}
    systems = Counter(case.ecosystem for case in CASES)
    assert systems.most_common(1)[0][0] == "python"
    assert set(systems) >= {"python", "node", "ruby", "go"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_case_is_whole(case: Broken) -> None:
    """Files that can be built, a damage that is laid over a healthy service only, an end that is told."""
    assert (case.project / "compose.yaml").is_file()
    assert list(case.project.rglob("Dockerfile"))
    assert case.overlay.is_dir() == (case.begin is Begin.HEALTHY)
    assert bool(case.changed) == (case.end is End.REPAIRED)
    assert case.end is End.REPAIRED or not (case.diff or case.not_in_diff)


def test_the_table_counts_every_end() -> None:
    """Per class and ecosystem: how many ended how; and the seconds."""
    repaired, declined = (next(c for c in CASES if c.end is end) for end in (End.REPAIRED, End.DECLINED))
    outcomes = [
        Outcome(repaired, End.REPAIRED, 12.0, rounds=1),
        Outcome(repaired, End.ROLLED_BACK, 20.0, "container_crashed: it did not help", rounds=2),
        Outcome(declined, End.WRONG, 3.0, "changed api/requirements.txt"),
    ]
    told = report(outcomes)
    assert "repaired: 1 of 2 that can be (50%); 1 wrong of all" in told
    assert [line.split()[0] for line in told.splitlines() if line.startswith("all")] == ["all"]
    assert outcomes[0].line().startswith("right")
    assert "changed api/requirements.txt" in outcomes[2].line()
    assert outcomes[2].document()["right"] is False
