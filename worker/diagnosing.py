"""``mm-orchestrator diagnose``: a log, asked of the rules alone; nothing is written."""

import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from activities.diagnosis.answers import Diagnosis
from activities.diagnosis.evidence import Evidence, Phase
from activities.diagnosis.long_log import LongLog
from activities.diagnosis.preview import preview
from worker.own_secrets import known_secrets
from workflows.models.base import Model
from workflows.models.finding import Finding

_LIKE = re.compile(r"\blike ([\w./-]+:[\w.-]+)")
"""`debian minimal + python (like python:3.13-slim)`: how people describe an image of their own."""
_MANAGERS = {"apt-get": "apt", "dnf": "yum", "microdnf": "yum"}


@dataclass(frozen=True)
class Question:
    """The log, and what is known of the service it comes from.

    Attributes:
        log: a file; ``-`` is standard input.
        context: the build context, where there is one.
        dockerfile: ``Dockerfile`` of the context where left out.
        base_image: image reference; '' reads it from the Dockerfile.
        package_manager: ``apt``, ``apk`` or ``yum``; '' finds out.
        phase: None guesses it from the log.
    """

    log: Path
    context: Path | None = None
    dockerfile: Path | None = None
    base_image: str = ""
    package_manager: str = ""
    phase: Phase | None = None

    def evidence(self) -> Evidence:
        """The same, as the rules take it; of a description, the image that it is said to be like."""
        words = (_LIKE.findall(self.base_image) or self.base_image.split())[:1]
        manager = self.package_manager.strip().lower()
        return Evidence(
            context=self.context.resolve() if self.context else None,
            dockerfile=self.dockerfile.resolve() if self.dockerfile else None,
            base_image=words[0] if words and "$" not in words[0] else "",
            package_manager=_MANAGERS.get(manager, manager),
        )


class Answer(Model):
    """The decision with its findings, and the diff that they make; secrets are masked."""

    decision: str
    reason: str
    phase: Phase
    """As given, or as guessed."""
    findings: tuple[Finding, ...] = ()
    diff: str = ""


def answer(question: Question) -> Answer:
    """Read the log and the context.

    Raises:
        OSError: the log cannot be read.
    """
    with _opened(question.log) as stream:
        name = "log" if str(question.log) == "-" else question.log.name
        diagnosis, seen = LongLog(stream, name).diagnose(question.evidence(), question.phase)
    phase = seen.sources[0].phase if seen.sources else question.phase or Phase.RUN
    return _masked(diagnosis, phase, preview(diagnosis, seen))


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """A stream that can seek: what comes through a pipe is kept on disk meanwhile."""
    if str(path) != "-":
        with path.open("rb") as file:
            if file.seekable():
                yield file
                return
            yield from _spooled(file)
            return
    yield from _spooled(sys.stdin.buffer)


def _spooled(source: BinaryIO) -> Iterator[BinaryIO]:
    with tempfile.TemporaryFile() as kept:
        shutil.copyfileobj(source, kept)
        yield kept


def _masked(diagnosis: Diagnosis, phase: Phase, diff: str) -> Answer:
    """No secret leaves (I5): logs and manifests may hold some."""
    mask = known_secrets().mask
    findings = tuple(
        finding.model_copy(
            update={
                "reason": mask(finding.reason),
                "quotes": tuple(q.model_copy(update={"text": mask(q.text)}) for q in finding.quotes),
            }
        )
        for finding in diagnosis.findings
    )
    return Answer(
        decision=str(diagnosis.decision),
        reason=mask(diagnosis.reason),
        phase=phase,
        findings=findings,
        diff=mask(diff),
    )
