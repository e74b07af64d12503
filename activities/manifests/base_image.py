"""Another base image for a Dockerfile: in its FROM lines, or in the ARG that they take it from."""

from __future__ import annotations

import re

from activities.manifests.dockerfile_lines import Instruction, instructions
from activities.manifests.dockerfile_reader import parse
from activities.manifests.errors import ManifestError

_IMAGE = re.compile(r"^\s*(?:--\S+\s+)*(?P<image>\S+)")
_REFERENCE = re.compile(r"^[\w.:/@-]+$")
_VARIABLE = re.compile(r"\$\{(\w+)(?::?-[^}]*)?\}|\$(\w+)")


def change_base_image(text: str, old: str, new: str) -> str:
    """The text with every stage that stands on the image `old` standing on `new`.

    Raises ManifestError where no stage does, or where the image comes from more than one ARG.
    """
    if not _REFERENCE.match(new):
        raise ManifestError(f"{new!r} is not an image reference")
    facts = parse(text)
    froms = [i for i in facts.instructions if i.keyword == "FROM"]
    wanted = [
        instruction
        for instruction, stage in zip(froms, facts.stages, strict=True)
        if stage.parent is None and stage.image == old
    ]
    if not wanted:
        raise ManifestError(f"no stage of this Dockerfile stands on {old}")
    for instruction in reversed(wanted):
        text = _change(text, instruction, old, new)
    if any(stage.image == old for stage in parse(text).stages):
        raise ManifestError(
            f"a stage still stands on {old}: its FROM is written in a way that cannot be changed"
        )
    return text


def _change(text: str, instruction: Instruction, old: str, new: str) -> str:
    found = _IMAGE.match(instruction.body.chars)
    written = found["image"] if found else ""
    if found and written == old:
        offsets = instruction.body.offsets
        start, end = offsets[found.start("image")], offsets[found.end("image") - 1] + 1
        return text[:start] + new + text[end:]
    return _change_argument(text, written, old, new)


def _change_argument(text: str, written: str, old: str, new: str) -> str:
    """`FROM node:${VERSION}-alpine`: the default of VERSION that makes it `new`."""
    variables = [one or two for one, two in _VARIABLE.findall(written)]
    if len(variables) != 1:
        raise ManifestError(f"the image {written} is put together from several arguments")
    pattern = "(.*)".join(re.escape(part) for part in _VARIABLE.sub("\0", written).split("\0"))
    before, after = re.fullmatch(pattern, old), re.fullmatch(pattern, new)
    if before is None or after is None or not after[1]:
        raise ManifestError(f"{written} cannot become {new} by its argument alone")
    for instruction in instructions(text):
        if instruction.keyword == "FROM":
            break
        chars = instruction.body.chars
        found = re.match(rf"\s*{re.escape(variables[0])}=[\"']?({re.escape(before[1])})[\"']?\s*$", chars)
        if instruction.keyword == "ARG" and found:
            start = instruction.body.offsets[found.start(1)]
            end = instruction.body.offsets[found.end(1) - 1] + 1
            return text[:start] + after[1] + text[end:]
    raise ManifestError(f"the default of {variables[0]} is not set before the first FROM")
