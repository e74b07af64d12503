"""A tiny workflow, alone in its module as the sandbox wants it."""

from datetime import timedelta

from temporalio import workflow

HOST = "testhost"


@workflow.defn(name="test.Ping")
class Ping:
    """One local activity here, one activity on the host's queue."""

    @workflow.run
    async def run(self, name: str) -> str:
        """What both answered."""
        limit = timedelta(seconds=10)
        here = await workflow.execute_local_activity(
            "locate", name, result_type=str, start_to_close_timeout=limit
        )
        queue = f"{workflow.info().task_queue}.{HOST}"
        there = await workflow.execute_activity(
            "ping", name, result_type=str, start_to_close_timeout=limit, task_queue=queue
        )
        return f"{here}, {there}"
