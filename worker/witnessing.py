"""Around every step of a host: is it told to do what this host itself measured, planned and saw approved?

It stands outside ``ErrorMapping``, so what it remembers of preflight is word for word what the workflow gets.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.adapters.witness import Witness
from worker.error_mapping import to_application_error
from workflows import ports
from workflows.errors import OrchestratorError
from workflows.models.base import Model
from workflows.models.status import StepName
from workflows.models.token import CheckTokenInput, TokenChecked

_STEP_OF: Final = {port.name: port.step for port in ports.PORTS}


class Witnessing(Interceptor):
    """Worker interceptor around the steps of a host.

    Args:
        witness: the host's memory.
        begun: whether the run has a journal in this generation: then its first write was permitted already.
    """

    def __init__(self, witness: Witness, begun: Callable[[str, int], bool]) -> None:
        self._witness = witness
        self._begun = begun

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """Wrap the SDK's own handling."""
        return _Witnessed(next, self._witness, self._begun)


class _Witnessed(ActivityInboundInterceptor):
    def __init__(
        self,
        next: ActivityInboundInterceptor,  # noqa: A002 - the SDK's name
        witness: Witness,
        begun: Callable[[str, int], bool],
    ) -> None:
        super().__init__(next)
        self._witness = witness
        self._begun = begun

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        job = input.args[0] if input.args else None
        try:
            await asyncio.to_thread(self._require, job)
            result = await super().execute_activity(input)
            await asyncio.to_thread(self._remember, job, result)
        except OrchestratorError as error:
            step = _STEP_OF.get(activity.info().activity_type, StepName.PREFLIGHT)
            raise to_application_error(error, step) from error
        return result

    def _require(self, job: object) -> None:
        run, plan = getattr(job, "run", None), getattr(job, "plan", None)
        if not isinstance(job, Model) or not isinstance(run, ports.RunRef) or not hasattr(job, "target"):
            return
        self._witness.require_measured(run.run_id, job)
        if plan is not None and not isinstance(job, ports.RevalidateInput):  # there it is the question
            self._witness.require_planned(run.run_id, plan)
        if isinstance(job, ports.PatchInput):
            begun = self._begun(run.run_id, run.generation)
            self._witness.require_approved(run.run_id, job.plan, begun=begun)

    def _remember(self, job: object, result: object) -> None:
        match job, result:
            case ports.PreflightInput(), ports.PreflightResult():
                self._witness.measured(job, result)
            case ports.PlanInput(), ports.PlanResult():
                self._witness.planned(job, result)
            case CheckTokenInput(), TokenChecked():
                self._witness.checked(job, result)
