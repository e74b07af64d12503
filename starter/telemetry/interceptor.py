"""One trace per run, over starter, workflow, guard and activities.

Temporal's own interceptor carries the trace in headers, which change no command: old histories replay, and
clients that send none are as welcome. A run without one (``temporal workflow start``, MoonMind) has a trace
whose id follows from its run id. The lane serves many runs and so has a trace of its own.
"""

from collections.abc import Mapping
from typing import Any, Final, Protocol, cast

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import SpanContext, TraceFlags, format_span_id, format_trace_id, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from temporalio import workflow
from temporalio.client import OutboundInterceptor, QueryWorkflowInput
from temporalio.contrib.opentelemetry import TracingInterceptor, TracingWorkflowInboundInterceptor
from temporalio.worker import WorkflowInterceptorClassInput

from starter.telemetry.sdk import TRACER, Tracing, root_ids

_ROOT: Final = "__mm_root_of_trace"
_LANE: Final = "MoonMind.ProjectLane"

Carrier = dict[str, Any]


class _CompletedSpan(Protocol):
    """What Temporal's interceptor passes out of the sandbox for a workflow's span."""

    name: str
    context: Mapping[str, Any]
    attributes: Any
    time_ns: int
    kind: Any


class RunTracing(TracingInterceptor):
    """For a client, and so for every worker on it."""

    def __init__(self, tracing: Tracing) -> None:
        super().__init__(tracing.provider.get_tracer(TRACER))
        self._tracing = tracing
        self.text_map_propagator = TraceContextTextMapPropagator()  # no baggage: nothing else travels

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002
        """Trace what changes something; whoever watches a run asks twice a second."""
        return _WithoutQueries(super().intercept_client(next), next)

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002 - the SDK's name
    ) -> type[TracingWorkflowInboundInterceptor]:
        """The half that lives in the sandbox."""
        super().workflow_interceptor_class(input)
        input.unsafe_extern_functions.update(cast("Any", {_ROOT: self._root_carrier}))
        return RunTracingWorkflow

    def _root_carrier(self, run_id: str) -> Carrier:
        """The trace of a run that brought none; whether it is recorded is the sampler's word."""
        trace_id, span_id = root_ids(run_id)
        decision = self._tracing.provider.sampler.should_sample(None, trace_id, "run").decision
        flags = TraceFlags.SAMPLED if decision is Decision.RECORD_AND_SAMPLE else TraceFlags.DEFAULT
        return {"traceparent": f"00-{format_trace_id(trace_id)}-{format_span_id(span_id)}-{flags:02x}"}

    def _completed_workflow_span(self, params: Any) -> Any:
        """A workflow's span; the first one of a trace that begins here is its root."""
        parent = get_current_span(self.text_map_propagator.extract(params.context)).get_span_context()
        if not params.name.startswith("RunWorkflow:") or not _is_root(parent, params):
            return super()._completed_workflow_span(params)
        self._begin_trace(params, parent)
        return dict(params.context)

    def _begin_trace(self, params: _CompletedSpan, root: SpanContext) -> None:
        with self._tracing.ids.pinned(root.trace_id, root.span_id):
            span = self.tracer.start_span(
                params.name, Context(), attributes=params.attributes, start_time=params.time_ns,
                kind=params.kind,
            )  # fmt: skip
        span.end(end_time=params.time_ns)


def _is_root(parent: SpanContext, params: Any) -> bool:
    return (parent.trace_id, parent.span_id) == root_ids(str(params.attributes.get("mm.trace_of", "")))


class _WithoutQueries(OutboundInterceptor):
    def __init__(self, traced: OutboundInterceptor, plain: OutboundInterceptor) -> None:
        super().__init__(traced)
        self._plain = plain

    async def query_workflow(self, input: QueryWorkflowInput) -> Any:  # noqa: A002 - the SDK's name
        return await self._plain.query_workflow(input)


class RunTracingWorkflow(TracingWorkflowInboundInterceptor):
    """The half in the workflow: without a trace of its starter's it goes by the run's id."""

    def __init__(self, next: Any) -> None:  # noqa: A002 - the SDK's name
        super().__init__(next)
        self.text_map_propagator = TraceContextTextMapPropagator()

    def _load_workflow_context_carrier(self) -> Any:
        if workflow.info().workflow_type != _LANE:
            carrier = super()._load_workflow_context_carrier()
            if carrier:
                return carrier
        if not self._workflow_context_carrier:
            root = cast("Any", workflow.extern_functions())[_ROOT]
            self._workflow_context_carrier = root(_trace_of())
        return self._workflow_context_carrier

    def _completed_span(self, span_name: str, **how: Any) -> None:
        more = {**(how.pop("additional_attributes", None) or {}), "mm.trace_of": _trace_of()}
        super()._completed_span(span_name, additional_attributes=more, **how)


def _trace_of() -> str:
    return workflow.info().first_execution_run_id
