"""Which base image an operator means: the one in the Dockerfile, and what takes its place."""

from __future__ import annotations

from activities.diagnosis.project import Project
from workflows.errors import OrchestratorError
from workflows.image_names import Image, image, is_made_of, tag_for
from workflows.models.request import Intent


def base_image_change(intent: Intent, project: Project) -> tuple[str, str]:
    """(new reference, reference as the Dockerfile has it).

    Raises:
        OrchestratorError: ``no_safe_fix`` where the Dockerfile has no such image, or has it already;
            ``ambiguous_instruction`` where more than one could be meant.
    """
    facts = project.facts
    if facts is None or not facts.stages:
        raise OrchestratorError("no_safe_fix", detail="there is no Dockerfile whose base image could change")
    roots = [
        s for s in facts.stages if s.parent is None and s.index in facts.reachable() and s.image != "scratch"
    ]
    present = list(dict.fromkeys(stage.image for stage in roots))
    if intent.package and intent.version:
        old = _made_of(intent.package, present)
        new = _with_version(old, intent.version)
    elif intent.version:
        old = _only([facts.base_image])
        new = _parsed(old).tagged(intent.version)
    else:
        new = intent.package or ""
        same = [one for one in present if _parsed(one).path == _parsed(new).path]
        old = _only(same or [facts.base_image])
    if new == old:
        raise OrchestratorError("no_safe_fix", detail=f"the image is built from {old} already")
    return new, old


def _made_of(runtime: str, present: list[str]) -> str:
    found = [one for one in present if (parsed := image(one)) and is_made_of(parsed, runtime)]
    if not found:
        listed = ", ".join(present) or "scratch"
        detail = (
            f"the image is not built from {runtime} but from {listed}; name the whole image to change that"
        )
        raise OrchestratorError("no_safe_fix", detail=detail)
    return _only(found)


def _with_version(old: str, version: str) -> str:
    one = _parsed(old)
    tag = tag_for(one.tag, version)
    if tag is None:
        detail = f'which tag of {one.path}? {old} shows no version to replace; say "use {one.path}:<tag>"'
        raise OrchestratorError("ambiguous_instruction", detail=detail)
    return one.tagged(tag)


def _only(images: list[str]) -> str:
    if len(images) > 1:
        detail = f"the Dockerfile builds from {' and '.join(images)}; change one of them with a patch"
        raise OrchestratorError("ambiguous_instruction", detail=detail)
    return images[0]


def _parsed(reference: str) -> Image:
    one = image(reference)
    if one is None:
        raise OrchestratorError("no_safe_fix", detail=f"{reference} is not a plain image reference")
    return one
