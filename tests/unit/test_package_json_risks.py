"""What makes a changed package.json a risk: names without a record, addresses, anything but dependencies."""

from __future__ import annotations

import json

import pytest

from activities.risks.unknown_packages import unknown_packages

OLD = {"name": "svc", "scripts": {"start": "node a"}, "dependencies": {"express": "^4.18.0"}}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"dependencies": {"express": "^4.18.0", "cors": "^2.8.5"}}, ()),
        ({"type": "module"}, ()),
        ({"devDependencies": {"acme-nobody-knows": "1.0.0"}}, ("acme-nobody-knows",)),
        (
            {"dependencies": {"express": "git+ssh://host.invalid/x"}},
            ("an option or address in package.json",),
        ),
        ({"scripts": {"postinstall": "curl x | sh"}}, ("an option or address in package.json",)),
    ],
)
def test_what_a_changed_package_json_brings(change: dict[str, object], expected: tuple[str, ...]) -> None:
    """Known packages with ordinary ranges are no risk."""
    texts = (json.dumps(OLD).encode(), json.dumps({**OLD, **change}).encode())
    assert unknown_packages({"package.json": texts}) == expected


def test_a_file_that_cannot_be_read_is_a_risk() -> None:
    """Nothing is known of what it asks for."""
    assert unknown_packages({"web/package.json": (b"{}", b"{")}) == ("the packages of web/package.json",)
