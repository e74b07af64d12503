"""Which service a sentence means: whole words, any case, never a guess (FR-002)."""

import re
from collections.abc import Collection
from dataclasses import dataclass

_EDGES = ",;:()[]{}.!?"
_ARTICLES = frozenset({"the", "a", "an", "my", "our", "this", "that"})
_LINKS = frozenset({"of", "for", "in"})
_NOUNS = frozenset(
    {
        "service", "services", "container", "containers", "image", "images", "app", "application", "stack",
        "project", "build", "dependency", "dependencies", "requirement", "requirements", "requirements.txt",
        "manifest", "dockerfile", "code", "logs", "log", "it", "compose", "docker", "python", "broken",
        "failing", "crashed", "crashing", "running", "stopped", "unhealthy",
    }
)  # fmt: skip
_SEPARATORS = re.compile(r"[-_.\s]+")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_PLACE = re.compile(r"\b(?:for|of|in|on|inside|to|into)\s+", re.IGNORECASE)
_ENTITLED = re.compile(r"(\S+) (?:service|container)\b", re.IGNORECASE)
_JOIN = re.compile(r"\s*(?:,|&|\band\b|\bor\b|\bplus\b)\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Named:
    """What a phrase names: known services, or one word that is no service of the project."""

    services: frozenset[str] = frozenset()
    unknown: str | None = None
    unread: str = ""
    """Words left over that make the phrase something else than a name."""


def name_of(phrase: str, services: Collection[str]) -> Named:
    """Read a phrase that stands where a service name belongs: ``the API service``, ``shop api``."""
    words = [word.strip(_EDGES) for word in _JOIN.sub(" ", phrase).split()]
    known = _known(words, services)
    rest = [
        w for w in words if w and w.lower() not in _ARTICLES | _LINKS | _NOUNS and not _matches(w, services)
    ]
    if known:
        return Named(services=known, unread=" ".join(rest))
    if spelled := _spelled(rest, services):
        return Named(services=spelled)
    if len(rest) == 1 and _NAME.fullmatch(rest[0]):
        return Named(unknown=rest[0])
    return Named(unread=" ".join(rest))


def mentioned(text: str, services: Collection[str]) -> Named:
    """The services a free sentence is about.

    A place (``for the api service``, ``in api``) says more than a bare word: in "the missing redis
    package of api" the service is api, also where a service redis exists.
    """
    placed: set[str] = set()
    for match in _PLACE.finditer(text):
        placed |= _leading(text[match.end() :], services)
    placed |= {s for m in _ENTITLED.finditer(text) for s in _known([m[1]], services)}
    if placed:
        return Named(services=frozenset(placed))
    words = [word.strip(_EDGES) for word in text.split()]
    if known := _known([w for i, w in enumerate(words) if not _is_package(words, i)], services):
        return Named(services=known)
    return _last_place(text, services)


def _leading(text: str, services: Collection[str]) -> set[str]:
    """Known services a place begins with, and those joined to them: ``api and worker``."""
    found: set[str] = set()
    for part in _JOIN.split(text):
        words = [w.strip(_EDGES) for w in part.split() if w.lower() not in _ARTICLES]
        head = next((w for w in words if w.lower() not in _NOUNS or _matches(w, services)), "")
        hit = _matches(head, services)
        if not hit:
            break
        found |= hit
    return found


def _last_place(text: str, services: Collection[str]) -> Named:
    """A name in the last place that is part of a service's name, or no service at all."""
    places = [text[m.end() :] for m in _PLACE.finditer(text)]
    places += [m[1] for m in _ENTITLED.finditer(text)]
    if not places:
        whole = name_of(text, services)
        alone = len([w for w in text.split() if w.lower() not in _ARTICLES]) == 1
        return whole if not whole.unread and (whole.services or alone) else Named()
    return name_of(places[-1], services)


def _known(words: list[str], services: Collection[str]) -> frozenset[str]:
    """Services named by a whole word; a service called like a common noun only if nothing else is."""
    exact = {word: _matches(word, services) for word in words}
    proper = {s for word, hits in exact.items() if word.lower() not in _NOUNS for s in hits}
    return frozenset(proper or {s for hits in exact.values() for s in hits})


def _matches(word: str, services: Collection[str]) -> frozenset[str]:
    """Services of this name: the same case if there is one, else any case."""
    if word in services:
        return frozenset({word})
    return frozenset(s for s in services if s.lower() == word.lower())


def _spelled(words: list[str], services: Collection[str]) -> frozenset[str]:
    """``shop api`` for shop-api, or ``API`` where exactly that part is in a service's name."""
    if not words:
        return frozenset()
    spoken = [w.lower() for w in words]
    same = frozenset(s for s in services if _SEPARATORS.split(s.lower()) == spoken)
    if same or len(spoken) > 1:
        return same
    return frozenset(s for s in services if spoken[0] in _SEPARATORS.split(s.lower()))


def _is_package(words: list[str], index: int) -> bool:
    before = words[index - 1].lower() if index else ""
    after = words[index + 1].lower() if index + 1 < len(words) else ""
    return before == "missing" or after in {"package", "module", "library", "import", "client"}
