"""A language model's answer, read with distrust: a finding only where every word of it can be checked.

What passes goes through the same gates as every finding (allow list, diff limits, policy, build, proof of
health), and its plan says that a language model made it, which by default needs an approval.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, ValidationError

from activities.diagnosis.answers import default_target, edit_refused
from activities.diagnosis.knowledge import known_distribution, knows_system_package
from activities.diagnosis.llm.prompt import Prompt
from activities.diagnosis.operator.manifests import declares
from activities.diagnosis.project import Project
from activities.manifests.edit_files import makes
from activities.manifests.names import canonical
from workflows.allow_list import allowed
from workflows.ecosystem_names import package_of, version_of
from workflows.image_names import image
from workflows.models.finding import Finding, FindingKind, FindingOrigin, Quote
from workflows.models.request import Ecosystem

RULE = "llm.proposal"
MAX_NAMES = 3
MAX_QUOTES = 6
MAX_REASON_CHARS = 300
_E, _K = Ecosystem, FindingKind
_PERMITTED = {
    _K.ADD_SYSTEM_PACKAGE: _E.APT,
    _K.ADD_PYTHON_PACKAGE: _E.PYTHON,
    _K.CHANGE_PYTHON_VERSION_PIN: _E.PYTHON,
    _K.REMOVE_PYTHON_PACKAGE: _E.PYTHON,
    _K.ADD_NODE_PACKAGE: _E.NODE,
    _K.CHANGE_NODE_VERSION_PIN: _E.NODE,
    _K.ADD_RUBY_GEM: _E.RUBY,
    _K.ADD_GO_MODULE: _E.GO,
    _K.ADD_PHP_PACKAGE: _E.PHP,
    _K.ADD_JAVA_DEPENDENCY: _E.JAVA,
    _K.ADD_RUST_CRATE: _E.RUST,
    _K.CHANGE_BASE_IMAGE: None,
}
"""What a model may propose at all, and whose names it then uses. No commands: text of its own never runs."""
_PINS = frozenset({_K.CHANGE_PYTHON_VERSION_PIN, _K.CHANGE_NODE_VERSION_PIN})
_OF_DECLARED = _PINS | {_K.REMOVE_PYTHON_PACKAGE}
_PYTHON = frozenset({_K.ADD_PYTHON_PACKAGE, _K.CHANGE_PYTHON_VERSION_PIN, _K.REMOVE_PYTHON_PACKAGE})
_FENCE = re.compile(r"^```(?:json)?\s*\n(.*)\n```$", re.DOTALL)


class _Decision(StrEnum):
    FIX = "fix"
    DECLINE = "decline"


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid")

    source: str
    line: int


class _Proposal(BaseModel):
    """The typed answer; every field must be there."""

    model_config = ConfigDict(extra="forbid")

    decision: _Decision
    kind: str | None
    names: list[str]
    version: str | None
    target: str | None
    reason: str
    quotes: list[_Line]


class Refused(Exception):  # noqa: N818 - the usual end of a proposal, not a programming error
    """Why a proposal is not followed."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def permitted_kinds() -> tuple[str, ...]:
    """Kinds a model may name: from the list above, those that an editor makes."""
    return tuple(kind.value for kind in _PERMITTED if makes(kind))


def answer_schema() -> dict[str, object]:
    """The JSON schema of an answer."""
    return _Proposal.model_json_schema()


def read_proposal(text: str, prompt: Prompt, project: Project, allow: Sequence[str]) -> Finding:
    """The finding behind an answer.

    Blocking: tries the edit in memory.

    Args:
        text: what the model said.
        prompt: what it was shown.
        project: the service's project.
        allow: globs of files that policy permits to change.

    Raises:
        Refused: it declines, or anything in it cannot be checked or is not permitted.
    """
    proposal = _parsed(text)
    if proposal.decision is _Decision.DECLINE:
        raise Refused(f"it declines ({_one_line(proposal.reason)})")
    kind = _kind(proposal)
    names, version = _names(kind, proposal), _version(kind, proposal)
    target = _target(kind, proposal, project, allow)
    finding = Finding(
        rule=RULE,
        kind=kind,
        names=names,
        target=target,
        version=version,
        replaces=_replaced(kind, names, project),
        origin=FindingOrigin.LLM,
        quotes=_quotes(proposal, prompt),
        reason=f"a language model suggests: {_one_line(proposal.reason)}",
        doubts=_doubts(kind, names, project),
    )
    if refusal := edit_refused(finding, project):
        raise Refused(refusal)
    return finding


def _parsed(text: str) -> _Proposal:
    stripped = text.strip()
    fenced = _FENCE.match(stripped)
    try:
        return _Proposal.model_validate_json(fenced[1] if fenced else stripped)
    except ValidationError:
        raise Refused("its answer is not the JSON that was asked for") from None


def _kind(proposal: _Proposal) -> FindingKind:
    if proposal.kind not in permitted_kinds():
        raise Refused(f"a change of kind {_one_line(str(proposal.kind))!r} is not its to propose")
    return FindingKind(proposal.kind)


def _names(kind: FindingKind, proposal: _Proposal) -> tuple[str, ...]:
    names, ecosystem = tuple(proposal.names), _PERMITTED[kind]
    most = 1 if kind is _K.CHANGE_BASE_IMAGE or kind in _PINS else MAX_NAMES
    if not 1 <= len(names) <= most:
        raise Refused(f"it names {len(names)} packages, 1 to {most} may be named")
    for name in names:
        spec = package_of(name, ecosystem) if ecosystem else None
        one = None if ecosystem else image(name)
        plain = (spec is not None and spec.name == name) if ecosystem else (one is not None and one.exact)
        if not plain:
            raise Refused(f"{_one_line(name)!r} is not a plain name")
    return names


def _version(kind: FindingKind, proposal: _Proposal) -> str | None:
    said, ecosystem = proposal.version or None, _PERMITTED[kind]
    if said is None:
        if kind in _PINS:
            raise Refused("it names no version")
        return None
    found = version_of(said, ecosystem) if ecosystem and ecosystem is not _E.APT else None
    if found is None:
        raise Refused(f"{_one_line(said)!r} is no version that fits")
    exact = kind is _K.ADD_PYTHON_PACKAGE and found[0].isdigit()
    return f"=={found}" if exact else found


def _target(kind: FindingKind, proposal: _Proposal, project: Project, allow: Sequence[str]) -> str:
    """The one file such a change goes to; a model chooses no files."""
    if kind in _PYTHON and project.manifests.refusal:
        raise Refused(project.manifests.refusal)
    target = project.manifest_target() if kind in _PYTHON else default_target(kind, project)
    if proposal.target and proposal.target != target:
        raise Refused(f"it wants to change {_one_line(proposal.target)!r}, such a change goes to {target}")
    if not allowed(target, allow):
        raise Refused(f"policy does not allow to change {target}")
    return target


def _quotes(proposal: _Proposal, prompt: Prompt) -> tuple[Quote, ...]:
    """The lines as they stand in the evidence, whatever the model makes of them."""
    quotes = []
    for said in proposal.quotes[:MAX_QUOTES]:
        name, lines = prompt.logs.get(said.source, ("", {}))
        if said.line not in lines:
            raise Refused(f"it quotes {_one_line(said.source)}:{said.line}, and there is no such line")
        quotes.append(Quote(source=name, line=said.line, text=lines[said.line]))
    if not quotes:
        raise Refused("it quotes nothing of the evidence")
    return tuple(quotes)


def _replaced(kind: FindingKind, names: tuple[str, ...], project: Project) -> str | None:
    """The base image of the same name; another image altogether is not a model's choice."""
    if kind is not _K.CHANGE_BASE_IMAGE:
        return None
    wanted, facts = image(names[0]), project.facts
    present = [stage.image for stage in facts.stages if stage.parent is None] if facts else []
    same = [one for one in dict.fromkeys(present) if wanted and (p := image(one)) and p.path == wanted.path]
    if len(same) != 1 or same[0] == names[0]:
        raise Refused(f"{names[0]} is not another tag of the one base image that the Dockerfile has")
    return same[0]


def _doubts(kind: FindingKind, names: tuple[str, ...], project: Project) -> tuple[str, ...]:
    """Why a person should look: nobody but the model knows this package."""
    ecosystem = _PERMITTED[kind]
    if ecosystem is None:
        return ()
    if kind in _OF_DECLARED:
        for name in names:
            if not declares(ecosystem, name, project):
                raise Refused(f"no manifest names {name}")
        return ()
    unknown = [name for name in names if not _on_record(name, ecosystem, project)]
    return tuple(f"{name} is not in the knowledge base: only a language model names it" for name in unknown)


def _on_record(name: str, ecosystem: Ecosystem, project: Project) -> bool:
    if ecosystem is _E.APT:
        return knows_system_package(name)
    if ecosystem is _E.PYTHON:
        known = known_distribution(name)
        return known is not None and canonical(known.name) == canonical(name)
    return bool(declares(ecosystem, name, project))


def _one_line(text: str) -> str:
    """A model's words as they may stand in a message: one short line of what can be seen."""
    seen = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(seen.split())[:MAX_REASON_CHARS]
