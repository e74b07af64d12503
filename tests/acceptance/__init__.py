"""Acceptance: named after the specification's stories and edge cases, on real parts only."""
