"""Chaos: faults at every step of a run on real parts, judged by an oracle that trusts no record."""

import pytest

# What the helpers assert is explained as fully as what the tests assert.
pytest.register_assert_rewrite("tests.chaos.oracle")
