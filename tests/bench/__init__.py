"""Benchmarks: the orchestrator beside the bare commands and the ways of comparable tools, in the same run.

``make bench-quick`` takes minutes, ``make bench`` more; both write ``docs/benchmarks/results.json``, from
which ``BENCHMARKS.md`` is rendered. Absolute goals are printed, and no test asserts them.
"""
