"""Versions as numbers, for tables of releases that no packaging standard rules."""

from __future__ import annotations


def number(version: str) -> tuple[int, ...]:
    """`3.10` as (3, 10), so that it sorts behind `3.9`; parts that are no numbers are left out, '' is ()."""
    return tuple(int(part) for part in version.split(".") if part.isdigit())
