"""Findings, looked at again with what the image's own package index says (bounded, never a failure).

The image asked is the service's; where there is none, its base image, if this host has it. What the index
does not say stays as the knowledge has it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from activities.adapters.docker_engine import DockerEngine
from activities.consulting.answers import Answer, PackageQuestion, Question
from activities.consulting.asking import Asker, NoAnswerError, Tool
from activities.consulting.doubts import AgeLimit, doubts_of
from activities.consulting.popular import on_record, well_known_near
from activities.consulting.refining import (
    Manifest,
    node_refined,
    not_reached,
    python_refined,
    unproven,
    withdrawal,
)
from activities.consulting.styles import node_style, python_style, requirements_in
from activities.consulting.subjects import NODE_KINDS, PYTHON_KINDS, Subject, node_subjects, python_subjects
from activities.manifests.names import canonical
from workflows.errors import OrchestratorError
from workflows.models.finding import Finding

LIMIT_SECONDS = 45.0
"""For all questions of one analysis together, as long as the tools inside run."""
_AROUND_SECONDS = 15.0
"""What making and removing the containers may take beside that, on a busy host."""


@dataclass(frozen=True)
class Consultation:
    """What is to be looked at again."""

    run_id: str
    findings: tuple[Finding, ...]
    images: tuple[str, ...]
    """The service's image, then its base image; '' entries do not count."""
    read: Callable[[str], str]
    """A file of the workspace as text, '' where there is none."""
    build_target: str | None = None
    min_package_age_days: int = 14


@dataclass(frozen=True)
class Consulted:
    """The findings that stand, and why others do not."""

    findings: tuple[Finding, ...]
    withdrawn: tuple[str, ...] = ()


@dataclass(frozen=True)
class Consultant:
    """Asks for all findings of one ecosystem at once."""

    engine: DockerEngine
    asker: Asker
    limit_seconds: float = LIMIT_SECONDS

    async def consult(self, about: Consultation) -> Consulted:
        """Versions, traces and doubts for the findings that install packages; the others pass through."""
        subjects = [_subjects(finding) for finding in about.findings]
        if not any(subjects):
            return Consulted(about.findings)
        images = await self._present(about.images)
        loop = asyncio.get_running_loop()
        end = loop.time() + self.limit_seconds
        answers: dict[Tool, tuple[Answer, str]] = {}
        silent: dict[Tool, str] = {}
        for tool in Tool:
            question = await asyncio.to_thread(_question, tool, about, subjects, images)
            if not question.packages:
                continue
            try:
                left = end - loop.time()
                answers[tool] = await self._ask(tool, images, question, about.run_id, left)
            except NoAnswerError as error:
                silent[tool] = str(error)
        return await asyncio.to_thread(_concluded, about, subjects, answers, silent)

    async def _ask(
        self, tool: Tool, images: Sequence[str], question: Question, run_id: str, seconds: float
    ) -> tuple[Answer, str]:
        try:
            async with asyncio.timeout(seconds + _AROUND_SECONDS):
                return await self.asker.ask(tool, images, question, run_id, max(1.0, seconds))
        except TimeoutError as error:
            raise NoAnswerError("index not reachable within the time limit") from error

    async def _present(self, images: Sequence[str]) -> tuple[str, ...]:
        """Images that this host has; by name, so that the trace can be read."""
        unique = [image for image in dict.fromkeys(images) if image]
        try:
            return tuple([image for image in unique if await self.engine.image_id(image)])
        except OrchestratorError:  # Docker is away: whoever needs it says so
            return ()


def _tool_of(finding: Finding) -> Tool | None:
    if finding.kind in PYTHON_KINDS:
        return Tool.PIP
    return Tool.NPM if finding.kind in NODE_KINDS else None


def _subjects(finding: Finding) -> tuple[Subject, ...]:
    return python_subjects(finding) or node_subjects(finding)


def _question(
    tool: Tool, about: Consultation, subjects: Sequence[tuple[Subject, ...]], images: Sequence[str]
) -> Question:
    """All packages of one ecosystem, within what their manifests ask for already."""
    wanted: dict[str, PackageQuestion] = {}
    targets: list[str] = []
    for finding, of in zip(about.findings, subjects, strict=True):
        if _tool_of(finding) is tool:
            targets += [finding.target or ""]
            for one in of:
                fresh = PackageQuestion(
                    name=one.name, specifier=one.limit, module=one.module, attribute=one.attribute
                )
                wanted.setdefault(one.name, fresh)
    constraints, beside = [], []
    for path in dict.fromkeys(filter(None, targets)) if tool is Tool.PIP else ():
        for requirement in requirements_in(path, about.read(path), about.build_target):
            marker = f"; {requirement.marker}" if requirement.marker else ""
            if canonical(requirement.name) not in wanted:
                constraints.append(f"{requirement.name}{requirement.specifier}{marker}")
                beside.append(str(requirement))
    own_image = bool(images) and bool(about.images) and images[0] == about.images[0]
    return Question(
        packages=tuple(wanted.values()),
        constraints=tuple(constraints),
        beside=tuple(beside) if own_image else (),  # what the image has installed costs pip nothing
        seconds=LIMIT_SECONDS,
    )


def _concluded(
    about: Consultation,
    subjects: Sequence[tuple[Subject, ...]],
    answers: dict[Tool, tuple[Answer, str]],
    silent: dict[Tool, str],
) -> Consulted:
    kept: list[Finding] = []
    withdrawn: list[str] = []
    for finding, of in zip(about.findings, subjects, strict=True):
        tool = _tool_of(finding)
        if tool is None or not of:
            kept.append(finding)
            continue
        answer, image = answers.get(tool, (None, ""))
        reason = withdrawal(finding, of, answer, partial(well_known_near, tool)) if answer else ""
        if reason:
            withdrawn.append(reason)
            continue
        seen = _refined(finding, of, answer, image, about) if answer else not_reached(finding, silent[tool])
        kept.append(seen.model_copy(update={"doubts": (*seen.doubts, *_doubts(tool, of, answer, about))}))
    return Consulted(tuple(kept), tuple(withdrawn))


def _refined(
    finding: Finding, of: tuple[Subject, ...], answer: Answer, image: str, about: Consultation
) -> Finding:
    path = finding.target or ""
    text = about.read(path)
    if _tool_of(finding) is Tool.NPM:
        return node_refined(finding, of, answer, Manifest(path, node_style(text)), image)
    style = python_style(path, text, about.build_target)
    return python_refined(finding, of, answer, Manifest(path, style), image)


def _doubts(tool: Tool, of: tuple[Subject, ...], answer: Answer | None, about: Consultation) -> list[str]:
    lines: list[str] = []
    limit = AgeLimit(about.min_package_age_days, datetime.now(UTC))
    for subject in of:
        one = answer.packages.get(subject.name) if answer else None
        lines += doubts_of(
            subject.name,
            one,
            near=well_known_near(tool, subject.name),
            known=on_record(tool, subject.name),
            limit=limit,
        )
        lines += unproven(subject, one) if one and subject.module and not subject.attribute else ()
    return lines
