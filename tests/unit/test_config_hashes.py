"""What Compose puts in the place of joined services before it hashes one; pure."""

import json
from typing import Any

import pytest

from activities.adapters.config_hashes import joined_services, with_containers

IDS = {"gate": "a1", "other": "b2"}


def _resolved(**api: Any) -> str:
    return json.dumps({"name": "shop", "services": {"api": api, "gate": {}, "other": {}}})


CASES: list[tuple[dict[str, Any], tuple[str, ...], dict[str, Any]]] = [
    ({"image": "x"}, (), {"image": "x"}),
    ({"network_mode": "host"}, (), {"network_mode": "host"}),
    ({"network_mode": "service:gate"}, ("gate",), {"network_mode": "container:a1"}),
    ({"network_mode": "container:gate"}, (), {"network_mode": "container:gate"}),
    ({"ipc": "service:gate", "pid": "service:other"}, ("gate", "other"),
     {"ipc": "container:a1", "pid": "container:b2"}),
    ({"ipc": "shareable"}, (), {"ipc": "shareable"}),
    ({"volumes_from": ["gate", "other:ro"]}, ("gate", "other"), {"volumes_from": ["a1", "b2"]}),
    ({"volumes_from": ["container:x:ro"]}, (), {"volumes_from": ["x"]}),
    ({"network_mode": "service:gone"}, ("gone",), {"network_mode": "service:gone"}),  # it has no container
]  # fmt: skip


@pytest.mark.parametrize(("api", "joined", "hashed"), CASES)
def test_names_become_container_ids(
    api: dict[str, Any], joined: tuple[str, ...], hashed: dict[str, Any]
) -> None:
    """In the service itself and nowhere else; every name under ``volumes_from`` is a service's."""
    resolved = _resolved(**api)
    assert joined_services(resolved, "api") == joined
    model = json.loads(with_containers(resolved, "api", IDS))
    assert model["services"]["api"] == hashed
    assert set(hashed.get("volumes_from", ())) <= set(model["services"])
    assert (model["services"]["gate"], model["services"]["other"]) == ({}, {})


def test_a_service_that_is_not_there_joins_nobody() -> None:
    """No error: Compose itself says what is wrong."""
    assert joined_services(_resolved(), "nosuch") == ()
    assert json.loads(with_containers(_resolved(), "nosuch", IDS)) == json.loads(_resolved())
