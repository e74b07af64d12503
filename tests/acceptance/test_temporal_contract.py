"""The Temporal contract that others rely on: type name, JSON input, queries, memo, search attributes."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.acceptance import temporal_cli
from tests.acceptance.operator import Operator, artifact_text
from tests.acceptance.stacks import broken_shop, policy
from tests.conftest import ComposeFactory
from workflows.models.record import RunRecord
from workflows.models.status import RunStatus, StepName, StepStatus

BY_HAND = '{"service":"api","instruction":"repair missing dependency"}'
MOST_EVENTS = 100
MOST_BYTES = 100_000


def test_a_run_started_by_hand_does_the_same_job(
    compose_project: ComposeFactory, operator: Operator, capsys: pytest.CaptureFixture[str]
) -> None:
    """``temporal workflow start`` with plain JSON: RunRecord result, every query, memo, attributes, history.

    The service floods its log; none of that may be in the history.
    """
    shop = compose_project(broken_shop("humanize"))
    noise = "for line in range(3000): print('noise of the service', line)\n"
    shop.write("api/app.py", noise + shop.read("api/app.py"))
    shop.up()
    operator.write_policy(policy(shop.name, str(shop.directory)))
    neighbours = shop.fingerprints(without="api")
    with operator.dev(shop.directory):
        workflow_id = temporal_cli.start_with(operator, ("--input", BY_HAND))
        record = RunRecord.model_validate(temporal_cli.result_value(operator, workflow_id))
        assert record.status is RunStatus.SUCCEEDED, record.failure
        assert record.workflow_id == workflow_id
        _check_queries(operator, record)
        _check_description(operator, record)
        done = temporal_cli.listed(operator, 'mm_state="completed"', holds=workflow_id)
        assert workflow_id in done
        assert operator.show(record.run_id) == operator.show(workflow_id) == record
        history = temporal_cli.history(operator, workflow_id)
        stored_bytes = temporal_cli.description(operator, workflow_id)["history_size_bytes"]
    with capsys.disabled():
        print(f"\nhistory: {len(history.events)} events, {stored_bytes} bytes")  # noqa: T201
    assert "noise of the service 2999" in artifact_text(record, "service-before.log")
    assert "noise of the service" not in history.text, "log text reached the history"
    assert "pip install" in artifact_text(record, "build.log")
    assert "pip install" not in history.text, "build output reached the history"
    assert len(history.events) <= MOST_EVENTS
    assert 0 < stored_bytes <= MOST_BYTES
    assert max(history.scheduled().values()) == 1
    assert shop.read("api/requirements.txt") == "# packages\nhumanize\n"
    assert shop.fingerprints(without="api") == neighbours


def _check_queries(operator: Operator, record: RunRecord) -> None:
    """All five answer, in the words that clients expect."""
    ask = record.workflow_id
    assert RunRecord.model_validate(temporal_cli.query(operator, ask, "status")) == record
    assert record.plan is not None
    assert temporal_cli.query(operator, ask, "plan")["digest"] == record.plan.digest
    evidence = temporal_cli.query(operator, ask, "artifacts")
    assert [a["sha256"] for a in evidence] == [a.sha256 for a in record.artifacts]
    progress = temporal_cli.query(operator, ask, "get_progress")
    assert progress["total"] == len(record.steps)
    succeeded = sum(step.status is StepStatus.SUCCEEDED for step in record.steps)
    assert (progress["completed"], progress["executing"], progress["failed"]) == (succeeded, 0, 0)
    ledger = temporal_cli.query(operator, ask, "get_step_ledger")
    assert (ledger["workflowId"], ledger["runId"]) == (record.workflow_id, record.run_id)
    assert [row["title"] for row in ledger["steps"]] == [step.name for step in record.steps]
    patched = next(row for row in ledger["steps"] if row["title"] == StepName.PATCH)
    assert patched["status"] == "completed"
    assert any(uri.endswith("/diff-after.patch") for uri in patched["refs"])


def _check_description(operator: Operator, record: RunRecord) -> None:
    """Memo and search attributes: what is readable with no worker up."""
    described = temporal_cli.description(operator, record.workflow_id)
    assert described["status"] == "COMPLETED"
    memo = described["memo"]
    assert memo["title"] == "api: repair missing dependency"
    assert memo["summary"].startswith("succeeded")
    assert memo["artifact_refs"] == [artifact.uri for artifact in record.artifacts]
    assert (memo["waiting_reason"], memo["attention_required"]) == ("", False)
    attributes = described["search_attributes"]
    assert attributes["mm_state"] == "completed"
    assert (attributes["mm_owner_type"], attributes["mm_owner_id"]) == ("system", "system")
    assert attributes["mm_entry"] == "orchestrator"


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """A running ``dev`` whose only project is an empty directory: what is refused needs no more."""
    root = tmp_path_factory.mktemp("contract")
    (root / "nothing").mkdir()
    operator = Operator(root)
    operator.write_policy(policy("mmt-contract", str(root / "nothing")))
    with operator.dev(root / "nothing"):
        yield operator


CANARY = "hunter2-canary-in-start-input"
BAD_STARTS: dict[str, tuple[Sequence[str], str]] = {
    "no input at all": ((), "exactly one input object is taken, 0 were given"),
    "two inputs": (("--input", BY_HAND, "--input", BY_HAND), "exactly one input object is taken, 2"),
    "empty object": (("--input", "{}"), "instruction: Field required"),
    "empty instruction": (("--input", '{"instruction": ""}'), "instruction"),
    "blank instruction": (("--input", '{"instruction": "  \\n "}'), "instruction"),
    "number as instruction": (
        ("--input", '{"instruction": 7}'),
        "instruction: Input should be a valid string",
    ),
    "object as instruction": (("--input", '{"instruction": {"text": "repair api"}}'), "instruction"),
    "list": (("--input", '["repair api"]'), "input"),
    "string": (("--input", f'"repair api {CANARY}"'), "input"),
    "null": (("--input", "null"), "input"),
    "number": (("--input", "42"), "input"),
    "service is a path": (("--input", '{"instruction": "repair", "service": "../api"}'), "service"),
    "service is a list": (("--input", '{"instruction": "repair", "service": ["api"]}'), "service"),
    "project is a path": (("--input", '{"instruction": "repair api", "project": "/etc"}'), "project"),
    "plan_only is text": (("--input", '{"instruction": "repair api", "plan_only": "yes"}'), "plan_only"),
    "max_rounds is text": (("--input", '{"instruction": "repair api", "max_rounds": "3"}'), "max_rounds"),
    "max_rounds too many": (("--input", '{"instruction": "repair api", "max_rounds": 99}'), "max_rounds"),
    "patch is a number": (("--input", '{"instruction": "repair api", "patch": 1}'), "patch"),
    "a secret of a wrong type": (("--input", json.dumps({"instruction": [CANARY]})), "instruction"),
    "bytes instead of JSON": (("--input", "repair api", "--input-meta", "encoding=binary/plain"), "input"),
    "an unknown encoding": (("--input", "repair api", "--input-meta", "encoding=text/morse"), "input"),
    "JSON of protobuf": (("--input", BY_HAND, "--input-meta", "encoding=json/protobuf"), "input"),
}


@pytest.mark.parametrize("case", BAD_STARTS)
def test_bad_start_input_fails_at_once(serving: Operator, case: str) -> None:
    """Wrong in any way: the run ends ``failed`` with ``invalid_request``, at once, and says what is wrong."""
    inputs, said = BAD_STARTS[case]
    workflow_id = temporal_cli.start_with(serving, inputs)
    ended = temporal_cli.result(serving, workflow_id)
    assert ended.code != 0
    failure = json.loads(ended.stdout)["closeEvent"]["workflowExecutionFailedEventAttributes"]["failure"]
    assert failure["applicationFailureInfo"]["type"] == "invalid_request"
    assert failure["applicationFailureInfo"]["nonRetryable"] is True
    assert said in failure["message"]
    history = temporal_cli.history(serving, workflow_id)
    assert len(history.events) == 5, "started, one workflow task, failed"
    assert not history.scheduled()
    told = json.dumps(history.events[1:]) + ended.stdout
    assert CANARY not in told, "what was wrong is named, never echoed"


def test_a_refused_start_reads_like_any_other_run(serving: Operator) -> None:
    """``show`` and ``watch`` tell a refused start from its failure; no worker could answer for it."""
    workflow_id = temporal_cli.start(serving, {"instruction": 7})
    temporal_cli.result(serving, workflow_id)
    record = serving.show(workflow_id)
    assert (record.status, record.code) == (RunStatus.FAILED, "invalid_request")
    assert record.failure is not None
    assert record.failure.remedy
    assert serving.command("watch", workflow_id).code == 5


def test_unknown_fields_become_warnings(serving: Operator) -> None:
    """A client of a later version is served: what is not known is named in the record."""
    request = {"instruction": "restart api", "service": "api", "priority": "high", "colour": {"a": 1}}
    workflow_id = temporal_cli.start(serving, request)
    record = RunRecord.model_validate(temporal_cli.result_value(serving, workflow_id))
    named = [warning for warning in record.warnings if "unknown field" in warning]
    assert [word in warning for word, warning in zip(("colour", "priority"), named, strict=True)] == [
        True
    ] * 2
    assert (record.status, record.code) == (RunStatus.FAILED, "compose_invalid")


def test_a_malformed_signal_is_put_on_record_and_wedges_nothing(
    compose_project: ComposeFactory, operator: Operator, tmp_path: Path
) -> None:
    """Numbers, lists and no payload at all as ``Approve``: refused on record, and the run still ends."""
    shop = compose_project(broken_shop("humanize"))
    shop.up("store")
    people = "approvals: {trust: unsigned, approver_roles: [sre]}\nroles: {sre: [alice]}\n"
    operator.write_policy(
        policy(shop.name, str(shop.directory), extra_service=["protected: true"], extra=people)
    )
    files = shop.checksums()
    request = {"service": "api", "instruction": "add humanize to api", "requested_by": "olga"}
    with operator.dev(shop.directory):
        workflow_id = temporal_cli.start(operator, request)
        waiting = operator.until(workflow_id, RunStatus.AWAITING_APPROVAL)
        for payload in (
            {},
            {"approver": 7},
            {"approver": ["alice"], "plan_digest": {}},
            {"plan_digest": None},
        ):
            temporal_cli.signal(operator, workflow_id, "Approve", payload)
        nothing = operator.temporal("workflow", "signal", "--workflow-id", workflow_id, "--name", "Approve")
        assert nothing.code == 0
        temporal_cli.signal(operator, workflow_id, "Reject", {"approver": "alice", "reason": 5})
        record = RunRecord.model_validate(temporal_cli.result_value(operator, workflow_id))
    assert waiting.plan is not None
    assert record.status is RunStatus.REJECTED
    assert [a.code for a in record.approvals] == [
        "approver_required", "approver_unknown", "approver_unknown", "approver_required", "approver_required",
        None,
    ]  # fmt: skip
    assert shop.checksums() == files
    assert shop.containers("api") == []
