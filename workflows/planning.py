"""An operator's sentence -> an ``Intent``, or the reason why there is none (SPEC FR-002).

The grammar is small on purpose: what is not understood for certain is refused with a list of what
is possible, because the answer to a misread sentence would be a changed service.

    repair | fix | heal  [the missing dependency for]  <service>
    add | install        <package>[extras][specifier]  to <service>
    add system package   <debian package>              to <service>
    pin                  <package> to <version>        in <service>
    rebuild | restart    <service>
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

from workflows.errors import OrchestratorError
from workflows.models.request import Intent, IntentKind
from workflows.package_names import PackageSpec, python_package, python_version, system_package
from workflows.service_names import Named, mentioned, name_of

_COURTESY = re.compile(
    r"^(?:(?:please|kindly|now|just|(?:can|could|would) you)\b[\s,]*)+"
    r"|[\s,]*\b(?:please|now|thanks|thank you)$",
    re.IGNORECASE,
)
_REPAIR = re.compile(
    r"(?:repair|fix|heal|(?:add|install) (?:the |a |all )?missing"
    r"(?: python)? (?:dependency|dependencies|packages?|modules?)(?= (?:to|in|for|of)\b|$))\b\s*(?P<what>.*)",
    re.IGNORECASE,
)
_RERUN = re.compile(
    r"(?P<verb>rebuild and restart|restart and rebuild|rebuild|restart)\b\s*(?P<where>.*)", re.IGNORECASE
)
_ADD = re.compile(
    r"(?:(?P<tool>pip3?|apt|apt-get) )?(?:add|install) (?P<what>.+?)"
    r"(?: (?:to|into|in|for|on) (?P<where>.+))?",
    re.IGNORECASE,
)
_PIN = re.compile(
    r"(?:pin|upgrade|downgrade) (?P<what>.+?)(?: (?:in|for|of|on) (?P<early>.+?))?"
    r"(?: (?:to|at) (?:version )?| ?(?=[=<>~!]=?))(?P<version>.+?)(?: (?:in|for|of|on) (?P<late>.+))?",
    re.IGNORECASE,
)
_SECOND_JOB = re.compile(r"[;|&]|\$[({]")
_ARTICLE = re.compile(r"^(?:the|a|an|missing|new|required)\s+", re.IGNORECASE)
_SYSTEM = r"(?:system|apt|debian|os|native)"
_PACKAGE_NOUN = r"(?:package|dependency|library|module|requirement)"
_SYSTEM_BEFORE = re.compile(rf"^{_SYSTEM} (?:{_PACKAGE_NOUN}\s+)?", re.IGNORECASE)
_SYSTEM_AFTER = re.compile(rf" {_SYSTEM} {_PACKAGE_NOUN}$| (?:with|via|using) apt(?:-get)?$", re.IGNORECASE)
_PYTHON_BEFORE = re.compile(rf"^(?:(?:python|pip|pypi) )?{_PACKAGE_NOUN}\s+", re.IGNORECASE)
_PYTHON_AFTER = re.compile(
    rf" (?:(?:python|pip|pypi) )?{_PACKAGE_NOUN}$| (?:with|via|using) pip3?$", re.IGNORECASE
)
_NO_NAMES = frozenset(
    {
        "package",
        "packages",
        "dependency",
        "dependencies",
        "module",
        "modules",
        "library",
        "requirements",
        "it",
    }
)
_EVERYTHING = frozenset({"all", "everything", "every", "both", "each"})


@dataclass(frozen=True, slots=True)
class Choice:
    """The services a sentence can mean, and what the request says beside it."""

    services: tuple[str, ...]
    buildable: tuple[str, ...]
    explicit: str | None

    def settle(self, named: Named) -> str:
        """The one service meant; the explicit one wins, a contradiction is refused.

        A name that is no service of the project is returned as it is: preflight answers
        ``unknown_service`` with close matches.

        Raises:
            OrchestratorError: ``ambiguous_service``, ``unsupported_instruction``.
        """
        said = sorted(named.services) or ([named.unknown] if named.unknown else [])
        if any(word.lower() in _EVERYTHING for word in [*named.unread.split(), named.unknown or ""]):
            raise _unsupported("one run changes one service")
        if self.explicit:
            if said and self.explicit not in said:
                raise self._ambiguous(f"the request names {self.explicit}, the instruction {', '.join(said)}")
            return self.explicit
        if len(said) == 1:
            return said[0]
        if said:
            raise self._ambiguous(f"the instruction fits {', '.join(said)}")
        only = self.buildable if len(self.services) != 1 else self.services
        if len(only) != 1:
            raise self._ambiguous("neither the request nor the instruction names one")
        return only[0]

    def _ambiguous(self, detail: str) -> OrchestratorError:
        listed = ", ".join(self.services) or "none"
        return OrchestratorError("ambiguous_service", detail=detail, services=listed)


def parse_instruction(
    text: str,
    services: Collection[str],
    service: str | None = None,
    *,
    buildable: Collection[str] | None = None,
) -> Intent:
    """Understand one operator sentence.

    Args:
        text: the instruction as typed.
        services: every service of the project.
        service: the request's explicit service; it wins over the sentence.
        buildable: services with a build section; ``services`` where left out. A sentence without a
            name means the only buildable service, if there is exactly one.

    Returns:
        The intent with its service set. It may be no service of the project: preflight checks that.

    Raises:
        OrchestratorError: ``unsupported_instruction`` or ``ambiguous_service``.
    """
    choice = _choice(services, service, buildable)
    sentence = _one_sentence(text)
    for pattern, read in ((_REPAIR, _repair), (_RERUN, _rerun), (_ADD, _add), (_PIN, _pin)):
        if match := pattern.fullmatch(sentence):
            return read(match, choice)
    raise _unsupported(
        f"{_shown(sentence)} begins with none of the known verbs" if sentence else "it is empty"
    )


def parse_patch_request(
    text: str,
    services: Collection[str],
    service: str | None = None,
    *,
    buildable: Collection[str] | None = None,
) -> Intent:
    """A request that carries a patch: the sentence only helps to find the service.

    Raises:
        OrchestratorError: ``ambiguous_service``.
    """
    choice = _choice(services, service, buildable)
    named = mentioned(_plain(text), choice.services)
    known = Named(services=named.services)
    return Intent(kind=IntentKind.OPERATOR_PATCH, service=choice.settle(known))


def _choice(services: Collection[str], service: str | None, buildable: Collection[str] | None) -> Choice:
    known = tuple(sorted(services))
    return Choice(known, known if buildable is None else tuple(sorted(buildable)), service)


def _repair(match: re.Match[str], choice: Choice) -> Intent:
    named = mentioned(match["what"], choice.services)
    if choice.explicit and named.unknown:  # "in production" beside an explicit service names nothing
        named = Named()
    return Intent(kind=IntentKind.REPAIR, service=choice.settle(named))


def _rerun(match: re.Match[str], choice: Choice) -> Intent:
    kind = IntentKind.RESTART if match["verb"].lower() == "restart" else IntentKind.REBUILD
    return Intent(kind=kind, service=_place(match["where"], choice))


def _add(match: re.Match[str], choice: Choice) -> Intent:
    what = _without_article(match["what"])
    tool = (match["tool"] or "").lower()
    system = tool.startswith("apt") or bool(_SYSTEM_BEFORE.match(what) or _SYSTEM_AFTER.search(what))
    if system:
        spec = system_package(_SYSTEM_AFTER.sub("", _SYSTEM_BEFORE.sub("", what)))
        kind = IntentKind.ADD_SYSTEM_PACKAGE
    else:
        spec = python_package(_PYTHON_AFTER.sub("", _PYTHON_BEFORE.sub("", what)))
        kind = IntentKind.ADD_PACKAGE
    spec = _one_package(spec, what)
    service = _place(match["where"] or "", choice)
    return Intent(kind=kind, service=service, package=spec.name, version=spec.version)


def _pin(match: re.Match[str], choice: Choice) -> Intent:
    what = _without_article(match["what"])
    spec = python_package(_PYTHON_AFTER.sub("", _PYTHON_BEFORE.sub("", what)))
    spec = _one_package(None if spec and spec.version else spec, what)
    version = python_version(match["version"])
    if version is None:
        raise _unsupported(f"{_shown(match['version'])} is not a version")
    service = _place(match["late"] or match["early"] or "", choice)
    return Intent(kind=IntentKind.PIN_PACKAGE, service=service, package=spec.name, version=version)


def _place(phrase: str, choice: Choice) -> str:
    """The service in the place where only a service can stand."""
    named = name_of(phrase, choice.services)
    service = choice.settle(named)
    if named.unread:
        raise _unsupported(f"{_shown(named.unread)} is not understood")
    return service


def _one_package(spec: PackageSpec | None, what: str) -> PackageSpec:
    if spec is None or spec.name.lower() in _NO_NAMES:
        raise _unsupported(f"{_shown(what)} is not the name of one package")
    return spec


def _one_sentence(text: str) -> str:
    """The plain sentence; what could hide a second job, or something else than it shows, is refused.

    A repair does not read every word, so ``repair api; restart store`` must not end as half of what it says.
    """
    if hidden := next((c for c in text if not (c.isprintable() or c.isspace())), None):
        raise _unsupported(f"it holds the invisible character U+{ord(hidden):04X}")
    sentence = _plain(text)
    if second := _SECOND_JOB.search(sentence):
        raise _unsupported(f"{second[0]!r} is not understood; one run takes one plain sentence")
    return sentence


def _plain(text: str) -> str:
    """One line, without quotes, possessives, courtesies and end marks."""
    unquoted = re.sub(r"['\u2019]s\b", "", text)
    unquoted = re.sub(r"[`\"'\u2018\u2019\u201c\u201d]", "", unquoted)
    line = " ".join(unquoted.split()).rstrip(" .!?;,")
    return _COURTESY.sub("", line).strip()


def _without_article(phrase: str) -> str:
    shorter = _ARTICLE.sub("", phrase)
    return shorter if shorter == phrase else _without_article(shorter)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def _unsupported(detail: str) -> OrchestratorError:
    return OrchestratorError("unsupported_instruction", detail=detail)
