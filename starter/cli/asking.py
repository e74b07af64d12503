"""Builds the request from what was typed; what is wrong is said in one line per field, before any run."""

import sys
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from workflows.errors import OrchestratorError
from workflows.models.request import RunRequest

PATCH_BYTES: Final = 1024 * 1024
"""Never read more than this of a patch file; the request itself permits less."""
_WORDS: Final = {
    "string_too_short": "may not be empty",
    "string_too_long": "may have at most {max_length} characters",
    "string_pattern_mismatch": "starts with a letter or digit and holds letters, digits, '.', '_' and '-'",
    "string_unicode": "is not UTF-8 text",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}


def split_words(words: list[str]) -> tuple[str | None, str]:
    """``[SERVICE] INSTRUCTION`` as typed.

    Raises:
        OrchestratorError: ``invalid_request`` where there are too few or too many words.
    """
    if len(words) == 1:
        return None, words[0]
    if len(words) == 2:
        return words[0], words[1]
    detail = (
        "the instruction is missing" if not words else "the instruction is one argument; put it in quotes"
    )
    raise OrchestratorError("invalid_request", detail=f"instruction: {detail}")


def read_patch(path: Path | None) -> str | None:
    """A patch file's text with its line ends untouched; ``-`` is standard input.

    Raises:
        OrchestratorError: ``invalid_request`` where it cannot be read, is empty or is no text.
    """
    if path is None:
        return None
    try:
        if str(path) == "-":
            data = sys.stdin.buffer.read(PATCH_BYTES + 1)
        else:
            with path.open("rb") as file:
                data = file.read(PATCH_BYTES + 1)
        text = data.decode()
    except OSError as error:
        raise _patch(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise _patch(f"{path} is not UTF-8 text") from None
    if len(data) > PATCH_BYTES:
        raise _patch(f"{path} is larger than {PATCH_BYTES} bytes")
    if not text.strip():
        raise _patch(f"{path} is empty")
    return text


def build_request(**fields: object) -> RunRequest:
    """The request of these fields; None means not given.

    Raises:
        OrchestratorError: ``invalid_request``, one line per field.
    """
    try:
        return RunRequest.model_validate({name: value for name, value in fields.items() if value is not None})
    except ValidationError as error:
        raise OrchestratorError("invalid_request", detail=problems(error)) from None


def problems(error: ValidationError) -> str:
    """What is wrong with which field; never its value, which may be a secret (I5)."""
    found = error.errors(include_input=False, include_url=False)
    lines = [f"{'.'.join(map(str, one['loc'])) or 'request'}: {_said(one)}" for one in found]
    return lines[0] if len(lines) == 1 else "".join(f"\n  {line}" for line in lines)


def _said(problem: ErrorDetails) -> str:
    words = _WORDS.get(problem["type"])
    return words.format_map(problem.get("ctx", {})) if words is not None else problem["msg"]


def _patch(detail: str) -> OrchestratorError:
    return OrchestratorError("invalid_request", detail=f"patch: {detail}")
