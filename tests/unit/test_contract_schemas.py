"""The published JSON Schemas are those of the models, and what is really sent and read fits them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from starter.contracts import schemas
from tests.unit import record_samples
from workflows.models.record import RunRecord

CONTRACTS = Path(__file__).parents[2] / "deploy" / "contracts"


def validator(name: str) -> Draft202012Validator:
    """Of a published schema."""
    schema = json.loads((CONTRACTS / f"{name}.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_they_are_current() -> None:
    """Otherwise: ``python -m starter.contracts deploy/contracts``."""
    published = {path.name: path.read_text() for path in CONTRACTS.glob("*.schema.json")}
    assert published == schemas()


@pytest.mark.parametrize("record", record_samples.ALL.values(), ids=record_samples.ALL)
def test_a_record_fits_its_schema(record: RunRecord) -> None:
    """As it goes over the wire."""
    assert list(validator("run-record").iter_errors(record.model_dump(mode="json"))) == []


REQUESTS = [
    ({"instruction": "repair missing dependency", "service": "api"}, True),
    ({"instruction": "x", "a_field_of_tomorrow": 1}, True),
    ({"service": "api"}, False),
    ({"instruction": ""}, False),
    ({"instruction": "x", "service": "../etc"}, False),
    ({"instruction": "x", "max_rounds": 0}, False),
    ({"instruction": "x", "plan_only": "yes"}, False),
]


@pytest.mark.parametrize(("request_", "fits"), REQUESTS)
def test_a_request_is_judged_as_the_worker_judges_it(request_: dict[str, object], fits: bool) -> None:
    """What the schema lets through is not refused for its shape later."""
    assert validator("run-request").is_valid(request_) is fits


def test_every_schema_is_listed() -> None:
    """A schema nobody can find does not exist."""
    listed = (CONTRACTS / "README.md").read_text()
    assert [name for name in schemas() if f"({name})" not in listed] == []
