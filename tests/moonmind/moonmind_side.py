"""What MoonMind does with a run: its own environment, its own client, nothing of ours importable.

Run by ``test_drop_in`` with the interpreter of that environment; prints one JSON document. It follows
MoonMind's client: plain ``pydantic_data_converter``, start by type name with one dict, memo and search
attributes as plain strings, and the run that exists already where the workflow id is taken.
"""

import asyncio
import importlib.util
import json
import os
import sys
import uuid
from datetime import UTC, datetime
from typing import Any

import llama_index.core
import pydantic
import temporalio
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
)
from temporalio.contrib.pydantic import pydantic_data_converter

import workflows  # type: ignore[import-not-found,unused-ignore]

TYPE, QUEUE = "MoonMind.OrchestratorRun", "mm.orchestrator"


def attributes() -> TypedSearchAttributes:
    """All of them as Keyword strings, the time too."""
    words = {
        "mm_state": "scheduled",
        "mm_owner_type": "user",
        "mm_owner_id": "u-17",
        "mm_entry": "orchestrator",
        "mm_updated_at": datetime.now(UTC).isoformat(),
    }
    return TypedSearchAttributes(
        [SearchAttributePair(SearchAttributeKey.for_keyword(name), value) for name, value in words.items()]
    )


async def start(client: Client, workflow_id: str) -> WorkflowHandle[Any, Any]:
    """A repair, as MoonMind asks for one."""
    return await client.start_workflow(
        TYPE,
        {"instruction": "repair missing dependency", "service": "api", "requested_by": "moonmind"},
        id=workflow_id,
        task_queue=QUEUE,
        memo={"title": "Repair api", "summary": "queued", "input_ref": "art_1"},
        search_attributes=attributes(),
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
    )


async def observed(handle: WorkflowHandle[Any, Any]) -> dict[str, Any]:
    """One look: description, memo, search attributes, both queries."""
    description = await handle.describe()
    progress = await handle.query("get_progress")
    ledger = await handle.query("get_step_ledger")
    pairs = description.typed_search_attributes
    found = {pair.key.name: str(pair.value) for pair in pairs.search_attributes}
    return {
        "status": str(description.status and description.status.name),
        "memo": await description.memo(),
        "attributes": found,
        "progress": progress,
        "ledger": ledger,
    }


async def until_waiting(handle: WorkflowHandle[Any, Any]) -> dict[str, Any]:
    """Look until the run waits for its approval."""
    for _ in range(600):
        seen = await observed(handle)
        if seen["attributes"].get("mm_state") == "awaiting_external":
            return seen
        await asyncio.sleep(0.05)
    raise SystemExit(f"never awaiting_external: {seen}")


async def approved(client: Client) -> dict[str, Any]:
    """Start, start again, watch, approve by signal, take the result."""
    workflow_id = f"mm:{uuid.uuid4()}"
    handle = await start(client, workflow_id)
    again = await start(client, workflow_id)
    waiting = await until_waiting(handle)
    plan = await handle.query("plan")
    await handle.signal("Approve", {"approver": "alice", "plan_digest": plan["digest"]})
    result = await handle.result()
    same = again.first_execution_run_id == handle.first_execution_run_id
    return {"waiting": waiting, "result": result, "ended": await observed(handle), "same_run": same}


async def cancelled(client: Client) -> dict[str, Any]:
    """Start, wait, cancel."""
    handle = await start(client, f"mm:{uuid.uuid4()}")
    await until_waiting(handle)
    await handle.cancel()
    try:
        await handle.result()
    except WorkflowFailureError as error:
        return {"cause": type(error.cause).__name__, "ended": await observed(handle)}
    return {"cause": "", "ended": await observed(handle)}


async def main() -> None:
    """Everything, in the namespace MoonMind uses."""
    client = await Client.connect(
        os.environ["TEMPORAL_ADDRESS"], namespace="default", data_converter=pydantic_data_converter
    )
    story = {
        "versions": {"temporalio": temporalio.__version__, "pydantic": pydantic.VERSION},
        "llama_index": bool(llama_index.core.__version__),
        "workflows": workflows.__file__,
        "ours_importable": importlib.util.find_spec("starter") is not None,
        "approved": await approved(client),
        "cancelled": await cancelled(client),
    }
    json.dump(story, sys.stdout, default=str)


if __name__ == "__main__":
    asyncio.run(main())
