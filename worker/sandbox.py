"""The sandbox workflow code runs in: what is pure is shared, what orchestrates is watched.

Models and rules are deterministic by their tests and by the import contracts; loading them anew for
every run would cost a third of a second each and make two classes of every model.
"""

from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

_SHARED = (
    "opentelemetry",
    "starter.converter",
    "starter.telemetry",
    "workflows.allow_list",
    "workflows.approval_gate",
    "workflows.errors",
    "workflows.lifecycle",
    "workflows.models",
    "workflows.options",
    "workflows.ports",
    "workflows.start_input",
    "workflows.visibility",
    "pydantic",
)


def sandbox() -> SandboxedWorkflowRunner:
    """The runner for every Worker and Replayer of this project."""
    return SandboxedWorkflowRunner(
        restrictions=SandboxRestrictions.default.with_passthrough_modules(*_SHARED)
    )
