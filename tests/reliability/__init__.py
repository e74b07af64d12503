"""RELIABILITY.md: rendered from the figures that campaign, soak and fuzzing leave in ``docs/reliability``."""
