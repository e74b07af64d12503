"""The search attributes of MoonMind: registered where missing, never retyped (DESIGN section 6).

``add_search_attributes`` answers OK when an attribute exists with another type, and an attribute that
is not registered fails the start of a run. So the server's list is read and compared first; what
differs is reported; where a run needs it, the worker does not start.
"""

from collections.abc import Mapping

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError

from workflows import visibility
from workflows.errors import OrchestratorError

_KEYWORD = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
_DATETIME = IndexedValueType.INDEXED_VALUE_TYPE_DATETIME

SEARCH_ATTRIBUTES: Mapping[str, "IndexedValueType.ValueType"] = {
    "mm_state": _KEYWORD,
    "mm_owner_type": _KEYWORD,
    "mm_owner_id": _KEYWORD,
    "mm_entry": _KEYWORD,
    "mm_repo": _KEYWORD,
    "mm_integration": _KEYWORD,
    "mm_updated_at": _DATETIME,
}

# A run writes these; one that the server does not take would stop it at its first workflow task.
_WRITTEN = frozenset(
    key.name
    for key in (visibility.MM_STATE, visibility.MM_OWNER_TYPE, visibility.MM_OWNER_ID, visibility.MM_ENTRY)
)

_CLI_WORD = {_KEYWORD: "Keyword", _DATETIME: "Datetime"}


def server_flags() -> list[str]:
    """Arguments that make the embedded server register them at its start."""
    return [
        argument
        for name, kind in SEARCH_ATTRIBUTES.items()
        for argument in ("--search-attribute", f"{name}={_CLI_WORD[kind]}")
    ]


async def register_search_attributes(client: Client) -> tuple[str, ...]:
    """Register what is missing in the client's namespace.

    Returns:
        Warnings: attributes that exist with another type, or that could not be registered.

    Raises:
        OrchestratorError: ``search_attributes_unusable`` where a run could not even write its state.
    """
    try:
        known = await _registered(client)
    except RPCError as error:
        return (f"The search attributes of namespace {client.namespace} cannot be listed: {error.message}",)
    missing = {name: kind for name, kind in SEARCH_ATTRIBUTES.items() if name not in known}
    problems = {
        name: f"{name} is registered as {_word(known[name])}, not {_CLI_WORD[kind]}; it is left so"
        for name, kind in SEARCH_ATTRIBUTES.items()
        if name in known and known[name] != kind
    }
    if missing:
        problems |= await _add(client, missing)
    fatal = [problem for name, problem in problems.items() if name in _WRITTEN]
    if fatal:
        raise OrchestratorError(
            "search_attributes_unusable", namespace=client.namespace, detail="; ".join(fatal)
        )
    return tuple(f"Search attribute {problem}" for problem in problems.values())


async def _registered(client: Client) -> dict[str, "IndexedValueType.ValueType"]:
    request = ListSearchAttributesRequest(namespace=client.namespace)
    return dict((await client.operator_service.list_search_attributes(request)).custom_attributes)


async def _add(client: Client, missing: Mapping[str, "IndexedValueType.ValueType"]) -> dict[str, str]:
    """Register one by one: where slots are few, those that fit are there. Returns the problems by name."""
    problems: dict[str, str] = {}
    for name, kind in missing.items():
        request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes={name: kind})
        try:
            await client.operator_service.add_search_attributes(request)
        except RPCError as error:
            problems[name] = f"{name} could not be registered: {error.message}"
    return problems


def _word(kind: "IndexedValueType.ValueType") -> str:
    return IndexedValueType.Name(kind).removeprefix("INDEXED_VALUE_TYPE_").capitalize()
