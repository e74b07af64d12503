"""Of the services a sentence can mean, the one it does mean; never a guess (FR-002)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from workflows.errors import OrchestratorError
from workflows.package_phrases import shown, unsupported
from workflows.service_names import Named, ServiceNames, name_of

_EVERYTHING = frozenset({"all", "everything", "every", "both", "each"})


@dataclass(frozen=True, slots=True)
class Choice:
    """The services a sentence can mean, and what the request says beside it."""

    names: ServiceNames
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
            raise unsupported("one run changes one service")
        if self.explicit:
            if said and self.explicit not in said:
                raise self._ambiguous(f"the request names {self.explicit}, the instruction {', '.join(said)}")
            return self.explicit
        if len(said) == 1:
            return said[0]
        if said:
            raise self._ambiguous(f"the instruction fits {', '.join(said)}; name one of them")
        only = self.buildable if len(self.names.services) != 1 else self.names.services
        if len(only) != 1:
            raise self._ambiguous(f"neither the request nor the instruction names one; {self._question()}")
        return only[0]

    def _question(self) -> str:
        likely = self.buildable or self.names.services
        return f"it could be {', '.join(likely[:-1])} or {likely[-1]}" if len(likely) > 1 else "name one"

    def _ambiguous(self, detail: str) -> OrchestratorError:
        listed = ", ".join(self.names.services) or "none"
        return OrchestratorError("ambiguous_service", detail=detail, services=listed)

    def place(self, phrase: str) -> str:
        """The service in the place where only a service can stand.

        Raises:
            OrchestratorError: ``ambiguous_service``, ``unsupported_instruction``.
        """
        named = name_of(phrase, self.names)
        service = self.settle(named)
        if named.unread:
            raise unsupported(f"{shown(named.unread)} is not understood")
        return service


def choose(
    services: Collection[str],
    service: str | None,
    buildable: Collection[str] | None,
    also: Mapping[str, frozenset[str]] | None,
) -> Choice:
    """What a sentence can choose from."""
    known = tuple(sorted(services))
    can_build = known if buildable is None else tuple(sorted(buildable))
    return Choice(ServiceNames(known, also or {}), can_build, service)
