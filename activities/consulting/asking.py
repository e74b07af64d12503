"""Puts one question to the package tool of an image, in a throwaway container."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files

from pydantic import ValidationError

from activities.adapters.throwaway import NOT_FOUND_EXIT_CODE, Task, Throwaway, ThrowawayError
from activities.consulting.answers import Answer, PackageAnswer, Question
from workflows.errors import OrchestratorError

_INSIDE = "activities.adapters.inside"
_REMEMBERED = 64
_END_SECONDS = 3.0
"""Of the time limit: what the program inside keeps for its last words."""


class Tool(StrEnum):
    """Whose index is asked."""

    PIP = "pip"
    NPM = "npm"


_PROGRAMS = {Tool.PIP: ("ask_pip.py", "wheel_contents.py"), Tool.NPM: ("ask_npm.js",)}
_INTERPRETERS = {Tool.PIP: ("python", "python3"), Tool.NPM: ("node",)}


class NoAnswerError(Exception):
    """Nobody answered; the text says why, without anything that came from inside."""


@dataclass(frozen=True)
class Asker:
    """Asks, and remembers for as long as this process lives; nothing is written anywhere."""

    throwaway: Throwaway
    _memory: dict[tuple[str, str, str], Answer]

    @classmethod
    def on(cls, throwaway: Throwaway) -> Asker:
        """One that remembers nothing yet."""
        return cls(throwaway, {})

    async def ask(
        self, tool: Tool, images: Sequence[str], question: Question, run_id: str, seconds: float
    ) -> tuple[Answer, str]:
        """The answer and the image that gave it.

        Raises:
            NoAnswerError: no image here has the tool, or the index cannot be reached within `seconds`.
        """
        for image in images:
            key = (run_id, image, question.model_dump_json(exclude={"seconds"}))
            answer = self._memory.get(key) or await self._asked(tool, image, question, seconds)
            if answer is None:
                continue
            if not answer.reached:
                raise NoAnswerError(f"index not reachable from {image}")
            if not _final(answer, question):
                return answer, image  # a registry that was slow once may answer the next time
            while len(self._memory) >= _REMEMBERED:
                self._memory.pop(next(iter(self._memory)))
            self._memory[key] = answer
            return answer, image
        where = ", ".join(images) or "this host (the service has no image yet)"
        raise NoAnswerError(f"index not reachable: no {tool} to ask in {where}")

    async def _asked(self, tool: Tool, image: str, question: Question, seconds: float) -> Answer | None:
        """None where the image is not here or has no such tool."""
        inner = question.model_copy(update={"seconds": max(1.0, seconds - _END_SECONDS)})
        sources = await asyncio.to_thread(_programs, tool)
        given = {**sources, "question.json": inner.model_dump_json().encode()}
        for interpreter in _INTERPRETERS[tool]:
            argv = (interpreter, _PROGRAMS[tool][0])
            task = Task(image, argv, given, take=("answer.json",), timeout_seconds=seconds)
            try:
                outcome = await self.throwaway.run(task)
            except (ThrowawayError, OrchestratorError):
                return None
            if outcome.exit_code != NOT_FOUND_EXIT_CODE:
                data = outcome.files.get("answer.json")
                return _read(data) if data else (Answer() if outcome.timed_out else None)
        return None


def _final(answer: Answer, question: Question) -> bool:
    """Every package was found and looked into, or is not there."""
    known = [answer.packages.get(one.name, PackageAnswer()) for one in question.packages]
    return all(one.complete if one.found else one.found is False for one in known)


def _programs(tool: Tool) -> dict[str, bytes]:
    folder = files(_INSIDE)
    return {name: folder.joinpath(name).read_bytes() for name in _PROGRAMS[tool]}


def _read(data: bytes) -> Answer:
    """What cannot be read as an answer is none."""
    try:
        return Answer.model_validate_json(data)
    except ValidationError:
        return Answer()
