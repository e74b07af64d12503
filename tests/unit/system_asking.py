"""A log beside a Dockerfile, put to the rules."""

from pathlib import Path

from activities.diagnosis.diagnose import Diagnosis, diagnose
from activities.diagnosis.evidence import Evidence, Phase, SourceText

UBUNTU = (
    "FROM ubuntu:22.04\nRUN apt-get update && apt-get install -y build-essential\nCOPY . /s\nRUN make -C /s\n"
)
SLIM = "FROM python:3.11-slim\nCOPY . .\nRUN pip install -r requirements.txt\n"
PY_ALPINE = "FROM python:3.11-alpine\nCOPY . .\nRUN pip install -r requirements.txt\n"
NODE = "FROM node:20-slim\nWORKDIR /app\nCOPY . .\nRUN npm ci\n"
BUILDER = "FROM golang:1.21 AS build\nRUN go build -o /a .\nFROM alpine:3.19\nCOPY --from=build /a /a\n"


NO_FILE = "No such file or directory"


def ask(
    tmp_path: Path,
    log: str,
    dockerfile: str,
    phase: Phase = Phase.BUILD,
    others: dict[str, str] | None = None,
) -> Diagnosis:
    """The diagnosis of a log beside a Dockerfile and other files of the build context."""
    for name, text in {"Dockerfile": dockerfile, **(others or {})}.items():
        (tmp_path / name).write_bytes(text.encode())
    return diagnose(Evidence("app", (SourceText("log", log, phase),), context=tmp_path))
