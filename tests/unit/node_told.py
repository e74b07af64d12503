"""A log and a few files in, the diagnosis out: what the tests of Node's rules share."""

from __future__ import annotations

from pathlib import Path

from activities.diagnosis.diagnose import Diagnosis, diagnose
from activities.diagnosis.evidence import Evidence, Phase, SourceText

PLAIN = {"name": "svc", "version": "1.0.0", "dependencies": {"express": "^4.18.0"}}
DOCKERFILE = "FROM node:20\nWORKDIR /app\nCOPY . .\nRUN npm install\nCMD node server.js\n"


def told(
    log: str,
    *,
    phase: Phase = Phase.BUILD,
    image: str = "",
    context: Path | None = None,
    files: dict[str, str] | None = None,
) -> Diagnosis:
    """What the rules make of a log, with these files in the build context."""
    for name, text in (files or {}).items():
        assert context is not None
        (context / name).parent.mkdir(parents=True, exist_ok=True)
        (context / name).write_text(text, encoding="utf-8")
    sources = (SourceText("log", log, phase),)
    return diagnose(Evidence(service="app", sources=sources, context=context, base_image=image))


def answer(diagnosis: Diagnosis) -> tuple[str, tuple[str, ...]]:
    """(kind, names) of the best finding."""
    best = diagnosis.findings[0]
    return str(best.kind), best.names
