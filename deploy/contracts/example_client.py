"""Repair a service from any program; needs `pip install temporalio` and nothing of ours.

usage: TEMPORAL_ADDRESS=localhost:7233 python example_client.py SERVICE "INSTRUCTION"
"""

import asyncio
import os
import sys
import uuid

from temporalio.client import Client

ENDED = {"succeeded", "rolled_back", "failed", "rejected", "cancelled", "planned"}


async def main(service: str, instruction: str) -> None:
    """Start a run, tell each change, end with its status."""
    client = await Client.connect(os.environ.get("TEMPORAL_ADDRESS", "localhost:7233"))
    request = {"service": service, "instruction": instruction, "requested_by": "example"}
    run = await client.start_workflow(
        "MoonMind.OrchestratorRun", request, id=f"mm:{uuid.uuid4()}", task_queue="mm.orchestrator"
    )
    print(run.id)
    told = ""
    while told not in ENDED:
        record = await run.query("status")  # run-record.schema.json
        if record["status"] != told:
            told = record["status"]
            print(told, record["summary"])
        if told == "awaiting_approval":
            print("approve with: mm-orchestrator approve", record["run_id"])
        await asyncio.sleep(0.5)
    for artifact in record["artifacts"]:
        print(artifact["sha256"], artifact["uri"])
    sys.exit(0 if told in {"succeeded", "planned"} else 1)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
