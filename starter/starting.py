"""What a start carries besides its input: memo, and the search attributes the namespace knows."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError

from starter.masking import mask, secret_lines
from workflows.errors import OrchestratorError
from workflows.models.request import RunRequest

_KEYWORD: Final = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
_DATETIME: Final = IndexedValueType.INDEXED_VALUE_TYPE_DATETIME


def without_secrets(request: RunRequest) -> RunRequest:
    """The request as it may enter Temporal's history (invariant I5).

    Raises:
        OrchestratorError: ``invalid_request`` where the patch carries a secret: masked it would not apply.
    """
    leaking = secret_lines(request.patch or "")
    if leaking:
        where = f"line{'s' if len(leaking) > 1 else ''} {', '.join(map(str, leaking[:5]))}"
        detail = (
            f"patch: {where} look like a secret, which would stay in the run's history; "
            "leave it out (diff -U0 sends no context lines)"
        )
        raise OrchestratorError("invalid_request", detail=detail)
    return request.model_copy(update={"instruction": mask(request.instruction)})


def start_memo(request: RunRequest) -> dict[str, str]:
    """Title and summary, as lists of runs show them before the workflow's first task."""
    return {"title": f"{request.service or '?'}: {request.instruction}"[:120], "summary": "pending"}


async def start_attributes(client: Client, request: RunRequest) -> TypedSearchAttributes:
    """MoonMind's search attributes as far as the namespace has them with their type.

    An attribute that is not registered would fail the start, so the server's list decides.
    """
    try:
        listed = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace)
        )
    except RPCError:  # not permitted to list: the workflow itself sets them later
        return TypedSearchAttributes.empty
    return chosen_attributes(request, dict(listed.custom_attributes), datetime.now(UTC))


def chosen_attributes(
    request: RunRequest, registered: Mapping[str, "IndexedValueType.ValueType"], now: datetime
) -> TypedSearchAttributes:
    """Those attributes that ``registered`` has with the type that is sent."""
    owner = request.requested_by
    words = {
        "mm_state": "initializing",
        "mm_owner_type": "user" if owner else "system",
        "mm_owner_id": owner or "system",
        "mm_entry": "orchestrator",
    }
    pairs: list[SearchAttributePair[str] | SearchAttributePair[datetime]] = [
        SearchAttributePair(SearchAttributeKey.for_keyword(name), value)
        for name, value in words.items()
        if registered.get(name) == _KEYWORD
    ]
    if registered.get("mm_updated_at") == _DATETIME:
        pairs.append(SearchAttributePair(SearchAttributeKey.for_datetime("mm_updated_at"), now))
    return TypedSearchAttributes(pairs)
