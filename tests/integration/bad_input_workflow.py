"""Workflows that stand in for the real one where only the start of a run is tried."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows.models.request import RunRequest
    from workflows.start_input import TakesOneRequest


@workflow.defn(name="test.EchoRequest")
class EchoRequest(TakesOneRequest):
    """Answers with the instruction it was given."""

    @workflow.init
    def __init__(self, request: RunRequest) -> None:
        self._instruction = request.instruction

    @workflow.run
    async def run(self, request: RunRequest) -> str:
        """The instruction, and the names of fields nobody knows."""
        return f"{self._instruction} {list(request.unknown_fields)}"

    @workflow.query
    def instruction(self) -> str:
        """What was asked."""
        return self._instruction
