"""``make bench-repair``: how well causes are found, and services repaired, measured on labelled cases."""

import pytest

# What the helpers assert is explained as fully as what the tests assert.
pytest.register_assert_rewrite("tests.repair.repairs")
