"""Acceptance: named after the specification's stories and edge cases, on real parts only."""

import pytest

# What the helpers assert is explained as fully as what the tests assert.
pytest.register_assert_rewrite(*(f"tests.acceptance.{name}" for name in ("bench", "operator", "proofs")))
