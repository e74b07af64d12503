"""An operator's sentence -> an ``Intent``, or the reason why there is none (SPEC FR-002).

The grammar is small on purpose: what is not understood for certain is refused with a list of what
is possible, because the answer to a misread sentence would be a changed service.

    repair | fix | heal            [the missing dependency for]        <service>
    add | install                  <package>[extras][specifier]        to <service>
    remove | uninstall             <package>                           from <service>
    pin | downgrade                <package> to <version>              in <service>
    upgrade | update | bump        <package> [to <version>]            in <service>
    add | remove                   system package <package>            to | from <service>
    use                            <image>:<tag>                       for <service>
    change the base image of       <service> to <image>:<tag>
    upgrade | downgrade            node | python | ... to <version>    in <service>
    rebuild | restart              <service>

A package is Python's unless the service's manifests say otherwise, or the sentence: ``npm package x``,
``gem x``, ``go module x``, ``composer package x``, ``crate x``, ``maven artifact g:a``.
"""

import re
from collections.abc import Callable, Collection, Mapping

from workflows import sentences
from workflows.ecosystem_names import version_of
from workflows.errors import OrchestratorError
from workflows.image_names import RUNTIMES, image, image_tag, runtime_version
from workflows.models.request import Ecosystem, Intent, IntentKind
from workflows.out_of_scope import out_of_scope
from workflows.package_phrases import Package, read_package, shown, unsupported, without_article
from workflows.plain_text import one_sentence, plain
from workflows.second_jobs import second_job
from workflows.service_choice import Choice, choose
from workflows.service_names import Named, mentioned


def parse_instruction(
    text: str,
    services: Collection[str],
    service: str | None = None,
    *,
    buildable: Collection[str] | None = None,
    also: Mapping[str, frozenset[str]] | None = None,
) -> Intent:
    """Understand one operator sentence.

    Args:
        text: the instruction as typed.
        services: every service of the project.
        service: the request's explicit service; it wins over the sentence.
        buildable: services with a build section; ``services`` where left out. A sentence without a
            name means the only buildable service, if there is exactly one.
        also: lower-case container and image names -> the services they belong to.

    Returns:
        The intent with its service set. It may be no service of the project: preflight checks that.

    Raises:
        OrchestratorError: ``unsupported_instruction``, ``ambiguous_service``, ``ambiguous_instruction``.
    """
    choice = choose(services, service, buildable, also)
    sentence = one_sentence(text)
    if not sentence:
        raise unsupported("it is empty")
    repair = sentences.REPAIR.fullmatch(sentence)
    if not _may_change_base(sentence) and (answer := out_of_scope(sentence)):
        raise unsupported(answer)
    if repair:
        return _repair(repair, choice)
    for pattern, read in _SENTENCES:
        if (match := pattern.fullmatch(sentence)) and (intent := read(match, choice)):
            return intent
    raise unsupported(f"{shown(sentence)} begins with none of the known verbs, or names nothing after it")


def parse_patch_request(
    text: str,
    services: Collection[str],
    service: str | None = None,
    *,
    buildable: Collection[str] | None = None,
    also: Mapping[str, frozenset[str]] | None = None,
) -> Intent:
    """A request that carries a patch: the sentence only helps to find the service.

    Raises:
        OrchestratorError: ``ambiguous_service``.
    """
    choice = choose(services, service, buildable, also)
    named = mentioned(plain(text), choice.names)
    known = Named(services=named.services)
    return Intent(kind=IntentKind.OPERATOR_PATCH, service=choice.settle(known))


def _may_change_base(sentence: str) -> bool:
    """A sentence about the base image is no sentence about images that are to be deleted or edited."""
    return bool(sentences.BASE.fullmatch(sentence))


def _repair(match: re.Match[str], choice: Choice) -> Intent:
    if second := second_job(match["what"]):
        raise unsupported(f"a repair takes no further wish, and {shown(second)} reads like one")
    named = mentioned(match["what"], choice.names)
    if choice.explicit and named.unknown:  # "in production" beside an explicit service names nothing
        named = Named()
    return Intent(kind=IntentKind.REPAIR, service=choice.settle(named))


def _rerun(match: re.Match[str], choice: Choice) -> Intent:
    kind = IntentKind.RESTART if match["verb"].lower() == "restart" else IntentKind.REBUILD
    return Intent(kind=kind, service=choice.place(match["where"]))


def _add(match: re.Match[str], choice: Choice) -> Intent:
    package = read_package(match["what"], (match["tool"] or "").lower())
    kind = IntentKind.ADD_SYSTEM_PACKAGE if package.system else IntentKind.ADD_PACKAGE
    return _about(kind, package, package.spec.version, choice.place(match["where"] or ""))


def _remove(match: re.Match[str], choice: Choice) -> Intent:
    if match["where"] is None and choice.names.matching(without_article(match["what"])):
        raise unsupported(
            f"{match['what']} is a service, and services are not removed; for a package of that name say "
            f'"remove package {match["what"]} from <service>"'
        )
    package = read_package(match["what"], (match["tool"] or "").lower())
    if package.spec.version:
        raise unsupported(
            f"{shown(match['what'])} carries a version; a package is removed whatever its version"
        )
    kind = IntentKind.REMOVE_SYSTEM_PACKAGE if package.system else IntentKind.REMOVE_PACKAGE
    return _about(kind, package, None, choice.place(match["where"] or ""))


_OF_RUNTIMES_ONLY = frozenset({"change", "set", "switch", "move"})
"""A package is pinned, upgraded or downgraded; what it could mean to "change" it is not clear."""


def _versioned(match: re.Match[str], choice: Choice) -> Intent | None:
    """``pin flask to 2``, ``upgrade node to 20``, ``upgrade flask to the latest version``."""
    verb, what, where = (
        match["verb"].lower(),
        without_article(match["what"]),
        match["late"] or match["early"] or "",
    )
    if runtime := RUNTIMES.get(what.lower().removesuffix(" version")):
        return _runtime(runtime, match["version"], where, choice)
    if verb in _OF_RUNTIMES_ONLY:
        return None
    if choice.names.plain(what):
        return None if sentences.MOVE_ON.fullmatch(match[0]) else _refuse_service(what, verb)
    package = _named(what)
    if match["version"].lower() in sentences.NEWEST and verb in {"upgrade", "update", "bump"}:
        return _about(IntentKind.UPGRADE_PACKAGE, package, None, choice.place(where))
    version = _version(match["version"], package.ecosystem)
    return _about(IntentKind.PIN_PACKAGE, package, version, choice.place(where))


def _unversioned(match: re.Match[str], choice: Choice) -> Intent | None:
    verb, what = match["verb"].lower(), without_article(match["what"])
    if choice.names.plain(what) and not match["where"]:
        return _refuse_service(what, verb)
    if RUNTIMES.get(what.lower()) or sentences.BASE_ASKED.search(match[0]):
        raise _question(f'to which version? Say "upgrade {what} to <version> in <service>"')
    package = _named(what)
    service = choice.place(match["where"] or "")
    if verb in {"pin", "downgrade"}:
        raise _question(f'to which version? Say "{verb} {package.spec.name} to <version> in {service}"')
    return _about(IntentKind.UPGRADE_PACKAGE, package, None, service)


def _base(match: re.Match[str], choice: Choice) -> Intent:
    """``change the base image of api to node:20``, ``... base image tag ... to 20-slim``."""
    service = choice.place(match["late"] or match["early"] or "")
    said = match["image"]
    if (tag := image_tag(said)) and (match["tag"] or said[0].isdigit()) and ":" not in said:
        return Intent(kind=IntentKind.CHANGE_BASE_IMAGE, service=service, version=tag)
    return _base_image(said, service)


def _use(match: re.Match[str], choice: Choice) -> Intent | None:
    said, version = match["image"], match["version"]
    if version:
        runtime = RUNTIMES.get(said.lower())
        return _runtime(runtime, version, match["where"] or "", choice) if runtime else None
    return _base_image(said, choice.place(match["where"] or ""))


def _on_base(match: re.Match[str], choice: Choice) -> Intent:
    return _base_image(match["image"], choice.place(match["where"]))


def _move_on(match: re.Match[str], choice: Choice) -> Intent | None:
    """``upgrade api to python 3.12``."""
    runtime = RUNTIMES.get(match["what"].lower())
    return _runtime(runtime, match["version"], match["where"], choice) if runtime else None


def _image(match: re.Match[str], choice: Choice) -> Intent:  # noqa: ARG001 - one signature for all readers
    raise _question(
        "the image in the compose file is not changed; for the one that the Dockerfile builds from say "
        '"change the base image of <service> to <image>:<tag>"'
    )


def _base_image(said: str, service: str) -> Intent:
    one = image(said)
    if one is None:
        raise unsupported(f"{shown(said)} is not an image reference such as python:3.12-slim")
    if not one.exact:
        raise _question(f'which tag of {one.path}? Say "use {one.path}:<tag> for {service}"')
    return Intent(kind=IntentKind.CHANGE_BASE_IMAGE, service=service, package=said)


def _runtime(runtime: str, said: str, where: str, choice: Choice) -> Intent:
    version = runtime_version(said)
    if version is None:
        raise _question(f"{shown(said)} is not a version of {runtime}; which one is meant?")
    service = choice.place(where)
    return Intent(kind=IntentKind.CHANGE_BASE_IMAGE, service=service, package=runtime, version=version)


def _named(what: str) -> Package:
    """A package without a version of its own."""
    package = read_package(re.sub(r"^(?:version|release) of ", "", what, flags=re.IGNORECASE))
    if package.spec.version:
        raise unsupported(f"{shown(what)} is not the name of one package")
    if package.system:
        raise unsupported(
            f"the version of a system package is not changed by itself; possible is "
            f'"add system package {package.spec.name}=<version> to <service>"'
        )
    return package


def _version(said: str, ecosystem: Ecosystem | None) -> str:
    candidates = (ecosystem,) if ecosystem else (Ecosystem.PYTHON, Ecosystem.NODE, Ecosystem.RUBY)
    found = next((version for one in candidates if (version := version_of(said, one))), None)
    if found is None:
        raise unsupported(f"{shown(said)} is not a version")
    return found


def _about(kind: IntentKind, package: Package, version: str | None, service: str) -> Intent:
    return Intent(
        kind=kind, service=service, package=package.spec.name, version=version, ecosystem=package.ecosystem
    )


def _refuse_service(what: str, verb: str) -> Intent:
    raise _question(f'{what} is a service; {verb} what in it? Say "{verb} <package> in {what}"')


def _question(detail: str) -> OrchestratorError:
    return OrchestratorError("ambiguous_instruction", detail=detail)


_Read = Callable[[re.Match[str], Choice], Intent | None]
_SENTENCES: tuple[tuple[re.Pattern[str], _Read], ...] = (
    (sentences.ON_BASE, _on_base),
    (sentences.RERUN, _rerun),
    (sentences.BASE, _base),
    (sentences.ADD, _add),
    (sentences.REMOVE, _remove),
    (sentences.VERSIONED, _versioned),
    (sentences.MOVE_ON, _move_on),
    (sentences.UNVERSIONED, _unversioned),
    (sentences.USE, _use),
    (sentences.IMAGE, _image),
    (sentences.REPAIR_LAST, _repair),
)
"""In this order; a reader that answers None leaves the sentence to those below it."""
