"""The contract's own rules: ports, options, statuses, the plan's digest."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from workflows import ports
from workflows.models.plan import ActionPlan, BuildStep, PatchStep, RestartStep
from workflows.models.request import RunRequest
from workflows.models.status import RunStatus
from workflows.models.verification import HttpProbe
from workflows.options import ROWS


def plan(**changes: object) -> ActionPlan:
    """A small plan."""
    base = ActionPlan(
        project="shop", service="api", summary="add PyYAML", diff="+PyYAML", diff_sha256="d" * 64,
        base_hashes={"a": "1", "b": None}, after_hashes={"a": "2", "b": "3"}, policy_digest="p" * 64,
        steps=(PatchStep(files=("a", "b")), BuildStep(image="shop-api"), RestartStep()),
    )  # fmt: skip
    return base.model_copy(update=changes)


def test_every_port_has_a_timeout_and_retry_row() -> None:
    """Nothing runs without limits, and no row is left over."""
    assert set(ROWS) == {port.name for port in ports.PORTS}


def test_every_port_name_is_used_once() -> None:
    """Two ports of one name would answer for each other."""
    names = [port.name for port in ports.PORTS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("port", ports.PORTS, ids=lambda port: port.name)
def test_port_models_are_plain_json(port: "ports.Port[ports.RunRef, ports.RunRef]") -> None:
    """Input and output have a JSON schema, so any client can read the history."""
    assert json.dumps(port.takes.model_json_schema())
    assert json.dumps(port.gives.model_json_schema())


BINDING = [
    {"project": "other"}, {"service": "web"}, {"diff_sha256": "e" * 64}, {"base_hashes": {"a": "9"}},
    {"policy_digest": "q" * 64}, {"steps": (BuildStep(image="shop-api"),)},
]  # fmt: skip
FREE = [
    {"summary": "prose"}, {"revision": 7}, {"round": 2}, {"warnings": ("w",)}, {"diff": "masked"},
    {"findings": ()}, {"image_delta": "+3 MB"},
]  # fmt: skip


@pytest.mark.parametrize("change", BINDING, ids=lambda c: next(iter(c)))
def test_the_digest_binds_what_will_be_done(change: dict[str, object]) -> None:
    """Anything that changes the effect changes the digest, so an approval cannot be carried over (I2)."""
    assert plan(**change).compute_digest() != plan().compute_digest()


@pytest.mark.parametrize("change", FREE, ids=lambda c: next(iter(c)))
def test_the_digest_ignores_prose_ids_and_times(change: dict[str, object]) -> None:
    """The same plan has the same digest in every run."""
    assert plan(**change).compute_digest() == plan().compute_digest()


def test_the_digest_survives_the_wire() -> None:
    """JSON and back: the approver sees what the worker computed."""
    again = ActionPlan.model_validate_json(plan().model_dump_json())
    assert again.compute_digest() == plan().compute_digest()


def test_a_plan_for_execution_keeps_its_digest() -> None:
    """The executing steps get less text, not another plan."""
    small = plan().for_execution()
    assert small.diff == ""
    assert small.compute_digest() == plan().compute_digest()


@given(st.dictionaries(st.text(min_size=1, max_size=20), st.integers() | st.text() | st.none(), max_size=5))
def test_unknown_fields_are_kept_for_the_warning(extra: dict[str, object]) -> None:
    """Whatever else a client sends is named, never an error."""
    known = set(RunRequest.model_fields)
    fields = {k: v for k, v in extra.items() if k not in known}
    request = RunRequest.model_validate({"instruction": "repair api", **fields})
    assert set(request.unknown_fields) == set(fields)


@pytest.mark.parametrize("status", RunStatus)
def test_terminal_statuses_are_the_last_six(status: RunStatus) -> None:
    """The design names them."""
    open_ones = {"pending", "queued", "running", "awaiting_approval"}
    assert status.terminal == (status.value not in open_ones)


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("http://127.0.0.1:8000/health", True),
        ("https://[::1]:8443", True),
        ("http://api?deep=1", True),
        ("http://user:password@api/health", False),
        ("http://api\n/health", False),
        ("ftp://api", False),
        ("http://", False),
    ],
)
def test_a_probe_url_carries_no_credentials(url: str, good: bool) -> None:
    """Plan and history name the URL, so a password in it would leave (I5)."""
    try:
        HttpProbe(url=url)
    except ValidationError:
        assert not good
    else:
        assert good
