"""An operator per test, and the projects they look after."""

from pathlib import Path

import pytest

from tests.acceptance.operator import Operator


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    """A fresh operator: own state directory, no policy yet."""
    root = tmp_path / "operator"
    root.mkdir()
    return Operator(root)
