"""One requirement as text (`uvicorn[standard] >= 0.30`), changed and otherwise spelled as before."""

from __future__ import annotations

import re

from packaging.requirements import InvalidRequirement, Requirement

from activities.manifests.errors import ManifestError
from activities.manifests.names import canonical

_HEAD = re.compile(
    r"^(?P<lead>\ufeff?\s*)(?P<name>[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)(?P<gap>\s*)(?:\[(?P<extras>[^\]]*)\])?"
)


def renamed(text: str, new: str) -> str:
    """The requirement under another name; extras, version and marker stay.

    Raises ManifestError where the text does not begin with a name.
    """
    found = _head(text)
    return text[: found.start("name")] + new + text[found.end("name") :]


def with_extras(text: str, extras: frozenset[str]) -> str:
    """The requirement with further extras, in order.

    Raises ManifestError where the text does not begin with a name.
    """
    found = _head(text)
    here = {part.strip() for part in (found["extras"] or "").split(",") if part.strip()}
    spelled = "[" + ",".join(sorted(here | extras)) + "]"
    end = found.end() if found["extras"] is not None else found.end("name")
    return text[: found.end("name")] + spelled + text[end:]


def with_version(text: str, specifier: str) -> str:
    """The requirement with another version; a marker stays.

    Raises ManifestError where the text is no plain requirement.
    """
    body, semicolon, marker = text.partition(";")
    found = _head(body)
    try:
        plain = Requirement(body.strip())
    except InvalidRequirement as error:
        raise ManifestError(f"{text!r} is no plain requirement") from error
    if plain.url:
        raise ManifestError(f"{plain.name} is installed from an address and has no version here")
    blank = " " if semicolon and body.endswith(" ") else ""
    return body[: found.end()] + specifier + blank + semicolon + marker


def name_in(text: str) -> str:
    """The canonical name that the requirement begins with, '' where it begins with none."""
    found = _HEAD.match(text)
    return canonical(found["name"]) if found else ""


def _head(text: str) -> re.Match[str]:
    found = _HEAD.match(text)
    if found is None:
        raise ManifestError(f"{text!r} does not begin with a name")
    return found
