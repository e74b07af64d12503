"""The part of RELIABILITY.md that tells of bad input."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz.results import kept

_HEAD = (
    "## Bad input",
    "",
    "`make fuzz MINUTES=10` feeds everything that parses foreign text with mutations of what it knows, each",
    "target in a process of its own, with bounded memory and a watch on every input; it adds up over calls.",
    "An error of the catalogue or of the editors is an answer. Anything else is a crash, and an input that",
    "takes five seconds a hang; what broke something is kept in `tests/corpus/fuzz` and played in the tests.",
    "",
)


def section(directory: Path) -> str:
    """Markdown, from ``fuzz.json`` in this directory."""
    told = kept(directory / "fuzz.json")
    total = sum(fed.inputs for fed in told.targets.values())
    crashes = sum(len(fed.crashes) for fed in told.targets.values())
    hangs = sum(fed.hangs for fed in told.targets.values())
    lines = [
        *_HEAD,
        f"- Inputs: **{total:,}** in {len(told.seeds)} call(s), last on {told.date}",
        f"- Seeds: {', '.join(map(str, told.seeds))}",
        f"- Crashes: **{crashes}**, hangs: **{hangs}**",
        "",
        "| target | inputs | per second | slowest | crashes | hangs |",
        "|---|---|---|---|---|---|",
    ]
    for name, fed in told.targets.items():
        speed = fed.inputs / fed.seconds if fed.seconds else 0
        named = "<br>".join(f"`{crash}`" for crash in fed.crashes) or "0"
        slowest = f"{fed.slowest_seconds * 1000:.0f} ms"
        lines.append(f"| {name} | {fed.inputs:,} | {speed:,.0f} | {slowest} | {named} | {fed.hangs} |")
    return "\n".join([*lines, ""])
