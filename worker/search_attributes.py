"""The search attributes of MoonMind: registered where missing, never retyped (DESIGN section 6).

``add_search_attributes`` answers OK when an attribute exists with another type, and an attribute that
is not registered fails the start of a run. So the server's list is read and compared first; what
differs is reported, and the workflow writes only what fits.
"""

from collections.abc import Mapping

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError

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
    """
    operator = client.operator_service
    try:
        listed = await operator.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace)
        )
    except RPCError as error:
        return (f"The search attributes of namespace {client.namespace} cannot be listed: {error.message}",)
    known = dict(listed.custom_attributes)
    missing = {name: kind for name, kind in SEARCH_ATTRIBUTES.items() if name not in known}
    warnings = [
        f"Search attribute {name} is registered as {_word(known[name])}, not {_CLI_WORD[kind]}; it is left so"
        for name, kind in SEARCH_ATTRIBUTES.items()
        if name in known and known[name] != kind
    ]
    if missing:
        warnings += await _add(client, missing)
    return tuple(warnings)


async def _add(client: Client, missing: Mapping[str, "IndexedValueType.ValueType"]) -> list[str]:
    request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
    try:
        await client.operator_service.add_search_attributes(request)
    except RPCError as error:
        return [f"Search attributes {', '.join(missing)} could not be registered: {error.message}"]
    return []


def _word(kind: "IndexedValueType.ValueType") -> str:
    return IndexedValueType.Name(kind).removeprefix("INDEXED_VALUE_TYPE_").capitalize()
