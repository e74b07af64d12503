"""The operator's own words as findings: what is asked for plainly needs no proof, only a file to go to."""

from activities.diagnosis.project import Project
from workflows.errors import OrchestratorError
from workflows.models.finding import Finding, FindingKind, FindingOrigin
from workflows.models.request import Intent, IntentKind

_KINDS = {
    IntentKind.ADD_PACKAGE: FindingKind.ADD_PYTHON_PACKAGE,
    IntentKind.PIN_PACKAGE: FindingKind.CHANGE_PYTHON_VERSION_PIN,
    IntentKind.ADD_SYSTEM_PACKAGE: FindingKind.ADD_SYSTEM_PACKAGE,
    IntentKind.REBUILD: FindingKind.REBUILD,
    IntentKind.RESTART: FindingKind.RESTART,
    IntentKind.OPERATOR_PATCH: FindingKind.OPERATOR_PATCH,
}


def operator_finding(intent: Intent, project: Project) -> Finding:
    """The finding behind a plain instruction.

    Raises:
        OrchestratorError: ``no_safe_fix`` where the service has no manifest such a package could go to.
    """
    kind = _KINDS[intent.kind]
    return Finding(
        rule=f"operator.{intent.kind}",
        kind=kind,
        names=(intent.package,) if intent.package else (),
        target=_target(kind, project),
        version=intent.version,
        origin=FindingOrigin.OPERATOR,
        reason="asked for by the operator",
    )


def _target(kind: FindingKind, project: Project) -> str | None:
    if kind is FindingKind.ADD_SYSTEM_PACKAGE:
        return project.dockerfile_target()
    if kind in {FindingKind.ADD_PYTHON_PACKAGE, FindingKind.CHANGE_PYTHON_VERSION_PIN}:
        if project.manifests.refusal:
            raise OrchestratorError("no_safe_fix", detail=project.manifests.refusal)
        return project.manifest_target()
    return None
