"""Which service a sentence means: whole words, any case, never a guess (FR-002)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

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

_DANGLING = re.compile(r"^(?:and|or|plus)\b|\b(?:and|or|plus)$", re.IGNORECASE)
"""The rest of the sentence is missing, or it is not where a name belongs."""


@dataclass(frozen=True, slots=True)
class ServiceNames:
    """How the services of a project may be called."""

    services: tuple[str, ...]
    also: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Lower-case container and image names -> the services they belong to."""

    def plain(self, word: str) -> frozenset[str]:
        """Services of exactly this name: the same case if there is one, else any case."""
        if word in self.services:
            return frozenset({word})
        return frozenset(s for s in self.services if s.lower() == word.lower())

    def matching(self, word: str) -> frozenset[str]:
        """In a place where only a service can stand: also container, image, other joints, plural."""
        lowered = word.lower()
        if found := self.plain(word) or self.also.get(lowered) or self._joined(lowered):
            return found
        singular = [lowered.removesuffix(end) for end in ("s", "es") if lowered.endswith(end)]
        return frozenset(s for one in singular if len(one) > 1 for s in self.plain(one) | self._joined(one))

    def _joined(self, lowered: str) -> frozenset[str]:
        """``shop_api`` and ``shop.api`` for shop-api."""
        if not _SEPARATORS.search(lowered):
            return frozenset()
        parts = _SEPARATORS.split(lowered)
        return frozenset(s for s in self.services if _SEPARATORS.split(s.lower()) == parts)


@dataclass(frozen=True, slots=True)
class Named:
    """What a phrase names: known services, or one word that is no service of the project."""

    services: frozenset[str] = frozenset()
    unknown: str | None = None
    unread: str = ""
    """Words left over that make the phrase something else than a name."""


def name_of(phrase: str, services: ServiceNames) -> Named:
    """Read a phrase that stands where a service name belongs: ``the API service``, ``shop api``."""
    if dangling := _DANGLING.search(phrase):
        return Named(unread=dangling[0].strip())
    words = [word.strip(_EDGES) for word in _JOIN.sub(" ", phrase).split()]
    known = _known(words, services, loose=True)
    rest = [
        w for w in words if w and w.lower() not in _ARTICLES | _LINKS | _NOUNS and not services.matching(w)
    ]
    if known:
        return Named(services=known, unread=" ".join(rest))
    if spelled := _spelled(rest, services):
        return Named(services=spelled)
    if len(rest) == 1 and _NAME.fullmatch(rest[0]):
        return Named(unknown=rest[0])
    return Named(unread=" ".join(rest))


def mentioned(text: str, services: ServiceNames) -> Named:
    """The services a free sentence is about.

    A place (``for the api service``, ``in api``) says more than a bare word: in "the missing redis
    package of api" the service is api, also where a service redis exists.
    """
    placed: set[str] = set()
    for match in _PLACE.finditer(text):
        placed |= _leading(text[match.end() :], services)
    placed |= {s for m in _ENTITLED.finditer(text) for s in _known([m[1]], services, loose=True)}
    words = [word.strip(_EDGES) for word in text.split()]
    if placed:
        return Named(services=frozenset(placed) | _head(words, services))
    if known := _known([w for i, w in enumerate(words) if not _is_package(words, i)], services):
        return Named(services=known)
    return _last_place(text, services)


def _head(words: list[str], services: ServiceNames) -> frozenset[str]:
    """The service that a sentence begins with: "api so that it can reach db" is about api at least."""
    index = next((i for i, word in enumerate(words) if word.lower() not in _ARTICLES), None)
    if index is None or _is_package(words, index):
        return frozenset()
    return _known([words[index]], services)


def _leading(text: str, services: ServiceNames) -> set[str]:
    """Known services a place begins with, and those joined to them: ``api and worker``."""
    found: set[str] = set()
    for part in _JOIN.split(text):
        words = [w.strip(_EDGES) for w in part.split() if w.lower() not in _ARTICLES]
        at = next((i for i, w in enumerate(words) if w.lower() not in _NOUNS or services.plain(w)), None)
        hit = services.matching(words[at]) if at is not None else frozenset[str]()
        if at is None or not hit:
            break
        found |= hit | _known(words[at + 1 : at + 2], services)
    return found


def _last_place(text: str, services: ServiceNames) -> Named:
    """A name in the last place that is part of a service's name, or no service at all."""
    places = [text[m.end() :] for m in _PLACE.finditer(text)]
    places += [m[1] for m in _ENTITLED.finditer(text)]
    if not places:
        whole = name_of(text, services)
        alone = len([w for w in text.split() if w.lower() not in _ARTICLES]) == 1
        return whole if not whole.unread and (whole.services or alone) else Named()
    return name_of(places[-1], services)


def _known(words: list[str], services: ServiceNames, *, loose: bool = False) -> frozenset[str]:
    """Services named by a whole word; a service called like a common noun only if nothing else is."""
    found = {word: services.plain(word) for word in words}
    if loose:
        unknown = [word for word, hits in found.items() if not hits and word.lower() not in _NOUNS]
        found |= {word: services.matching(word) for word in unknown}
    proper = {s for word, hits in found.items() if word.lower() not in _NOUNS for s in hits}
    return frozenset(proper or {s for hits in found.values() for s in hits})


def _spelled(words: list[str], services: ServiceNames) -> frozenset[str]:
    """``shop api`` for shop-api, or ``API`` where exactly that part is in a service's name."""
    if not words:
        return frozenset()
    spoken = [w.lower() for w in words]
    same = frozenset(s for s in services.services if _SEPARATORS.split(s.lower()) == spoken)
    if same or len(spoken) > 1:
        return same
    return frozenset(s for s in services.services if spoken[0] in _SEPARATORS.split(s.lower()))


def _is_package(words: list[str], index: int) -> bool:
    before = words[index - 1].lower() if index else ""
    after = words[index + 1].lower() if index + 1 < len(words) else ""
    return before == "missing" or after in {"package", "module", "library", "import", "client"}
