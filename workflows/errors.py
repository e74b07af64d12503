"""The error catalogue: code, cause, remedy, retryable.

An operator meets a code, a sentence that says what happened, and what to type next. Every error an
activity raises on purpose is an ``OrchestratorError``; the worker turns it into the failure the
workflow and the run record carry.

    OrchestratorError(code, **facts)
      code not in CATALOGUE -> KeyError at the raise site, found by the tests
"""

from dataclasses import dataclass

from workflows.models.artifact import RunArtifact
from workflows.models.failure import Failure
from workflows.models.status import StepName


@dataclass(frozen=True, slots=True)
class ErrorEntry:
    """One row of the catalogue; ``{name}`` in cause and remedy is filled with facts."""

    code: str
    cause: str
    remedy: str
    retryable: bool = False


def _rows(*rows: ErrorEntry) -> dict[str, ErrorEntry]:
    return {row.code: row for row in rows}


CATALOGUE: dict[str, ErrorEntry] = _rows(
    # The request
    ErrorEntry("invalid_request", "The request is not valid: {detail}", "Correct the field and start again."),
    ErrorEntry(
        "unsupported_instruction",
        "This instruction is outside what the orchestrator does: {detail}",
        'Possible: "repair <service>", "add | remove | upgrade <package> to | from | in <service>", "pin <package> to '
        '<version> in <service>", "add system package <package> to <service>", "use <image>:<tag> for <service>", '
        '"rebuild | restart <service>", or --patch FILE.',
    ),
    ErrorEntry(
        "ambiguous_service",
        "It is not clear which service is meant: {detail}. The project has: {services}",
        'Name one: mm-orchestrator run SERVICE "INSTRUCTION".',
    ),
    ErrorEntry("ambiguous_instruction", "The instruction can mean more than one thing: {detail}",
               "Say it in one of the ways named above."),
    ErrorEntry(
        "unknown_project",
        "{detail} Configured projects: {projects}.",
        "Name a configured project, add it to the policy file, or use --project-dir.",
    ),
    ErrorEntry(
        "unknown_service",
        "Project {project} has no service {service!r}{close}. It has: {services}",
        "Name one of the project's services.",
    ),
    ErrorEntry("requester_required", "A change of service {service} needs an approval and the request names no requester.",
               "Start again with requested_by (--requested-by ID)."),
    # Preflight
    ErrorEntry(
        "docker_unavailable",
        "Docker does not answer: {detail}",
        "Start the Docker daemon or correct DOCKER_HOST, then run again.",
        retryable=True,
    ),
    ErrorEntry(
        "docker_endpoint_mismatch",
        "The docker command line and the Docker API reach different daemons: {detail}",
        "Unset the docker context or set DOCKER_HOST for both.",
    ),
    ErrorEntry(
        "docker_forbidden",
        "Docker answers but refuses what a repair needs: {detail}",
        "Give the worker the socket's group, or let the socket proxy permit POST and BUILD.",
    ),
    ErrorEntry(
        "compose_too_old",
        "Docker Compose {version} is too old: before 2.30 it changes the hash of services that have "
        "dependencies, so that the next up recreates neighbours.",
        "Install the Compose plugin 2.30 or newer.",
    ),
    ErrorEntry("compose_missing", "The docker command has no compose plugin: {detail}",
               "Install the Compose plugin 2.30 or newer."),
    ErrorEntry("compose_invalid", "Compose refuses the project's files: {detail}", "Correct the compose file."),
    ErrorEntry("compose_files_missing", "A file the project is started from is gone: {detail}",
               "Put the file back, or deploy the project from where its files are now."),
    ErrorEntry(
        "config_drift",
        "The compose configuration of {service} was edited after it was deployed; a repair would ship "
        "that edit with the fix.",
        "Deploy or revert the edit first: docker compose up -d --no-deps {service}",
    ),
    ErrorEntry("unset_variables", "The compose file uses variables that are not set: {names}",
               "Set them in the project's .env file, or name them in the policy's environment list."),
    ErrorEntry("policy_invalid", "The policy file is not valid: {detail}",
               "Correct it; mm-orchestrator policy check FILE names every problem."),
    ErrorEntry("policy_unreadable", "The policy file cannot be read: {detail}",
               "Correct the path or the permissions."),
    ErrorEntry("workspace_missing", "The workspace {path} does not exist.", "Correct the path in the policy."),
    ErrorEntry("workspace_owner_mismatch", "{path} belongs to uid {owner}, the worker runs as uid {uid}.",
               "Run the worker as the owner of the workspace, so that files keep their owner."),
    ErrorEntry("workspace_elsewhere",
               "The worker runs in a container; the Docker host has other files under its path {path}: that {seen}.",
               "Mount the directory at the same path on both sides: -v {path}:{path}"),
    ErrorEntry("own_service", "Service {service} is not repaired from here: {why}.",
               "Repair it by hand, or with mm-orchestrator run --local on the host."),
    ErrorEntry("workspace_read_only", "{path} cannot be written.", "Mount the workspace read-write."),
    ErrorEntry("disk_full", "Too little space is free on {path}: {detail}", "Free space, then run again."),
    ErrorEntry(
        "project_busy",
        "Run {run_id} has not settled its changes to project {project}.",
        "Wait until it ends (mm-orchestrator watch {run_id}); if it is gone: mm-orchestrator recover {run_id}",
    ),
    ErrorEntry("project_held", "Project {project} is on hold: {detail}", "mm-orchestrator release {project}"),
    ErrorEntry(
        "circuit_open",
        "{count} runs changed service {service} within 24 hours, {limit} are permitted; the next may begin "
        "at {again}.",
        "Find out why it keeps breaking; or let the policy permit more (repairs_per_day, or an override).",
    ),
    ErrorEntry(
        "outside_maintenance_window",
        "Service {service} may only be changed in its maintenance windows; the next one opens {opens}.",
        "Start again then (--plan-only is possible at any time), or write an override into the policy.",
    ),
    ErrorEntry(
        "shared_namespace",
        "{names} lives in a namespace of {service} (network_mode, ipc or pid) and would lose it when "
        "{service} is replaced.",
        "Repair {service} by hand and recreate both: docker compose up -d --build {service} {recreate}",
    ),
    ErrorEntry("image_only_service", "Service {service} has no build section, so nothing can be patched or built.",
               'Only a restart is possible: mm-orchestrator run {service} "restart {service}"'),
    ErrorEntry("dockerfile_inline", "Service {service} is built from dockerfile_inline, inside the compose file.",
               "Move the Dockerfile into a file of its own; compose files are never edited."),
    ErrorEntry("build_context_remote", "Service {service} is built from {context}, which is not a local directory.",
               "Repair its source where it lives."),
    ErrorEntry("build_context_missing", "The build context {context} of service {service} is no directory here.",
               "Correct build.context in the compose file, or mount the sources at the same path."),
    # Analyze and plan
    ErrorEntry("no_safe_fix", "No safe fix was found: {detail}",
               "Read analyze.log; correct the cause by hand, or name the change: \"add <package> to <service>\"."),
    ErrorEntry("diff_not_allowed", "The change would touch {path}, which the policy does not allow.",
               "Allow the file in the policy, or make the change by hand."),
    ErrorEntry("diff_invalid", "The patch cannot be applied: {detail}", "Send a unified diff against the current files."),
    ErrorEntry("diff_too_large", "The change is larger than policy permits: {detail}",
               "Split the change, or raise the limit in the policy."),
    ErrorEntry("plan_drifted", "The files or the policy changed after the plan was made: {detail}",
               "Start again; the new plan is made from the files as they are now."),
    ErrorEntry("not_as_measured", "This host was told to act on something that it did not measure or plan for this run: {detail}.",
               "Start again. Where it happens again, find out who else polls or fills the task queues: see SECURITY.md."),
    # Approval
    ErrorEntry("approval_not_seen", "Plan {digest} needs {quorum} signed approval(s), and this host has not checked so many.",
               "Start again and approve the new plan. Where it happens again, find out who else polls the task queues: see SECURITY.md."),
    ErrorEntry("approval_expired", "Nothing was written within {limit}: no approval is in force.", "Start again when an approver is there."),
    ErrorEntry("approval_rejected", "{approver} rejected the plan: {reason}", "Read the reason; change the request."),
    ErrorEntry(
        "approval_impossible",
        "The plan needs an approval and too few people may give one ({able} may, {quorum} must): {risks}",
        "Name approvers and their roles in a policy file, or take the risk out of requires_approval_when; a young "
        "or similarly named package is also installed when your instruction names it: \"add <package> to <service>\".",
    ),
    ErrorEntry("no_plan_yet", "There is no plan to approve yet.", "Wait for status awaiting_approval."),
    ErrorEntry("approval_not_needed", "This run does not wait for an approval.", "Nothing to do."),
    ErrorEntry("plan_digest_required", "An approval without a token must name the plan's digest.",
               "Read the plan, then: mm-orchestrator approve RUN"),
    ErrorEntry("plan_digest_mismatch", "The approval names another plan than the one that waits.",
               "Read the current plan, then approve that."),
    ErrorEntry("approver_required", "The approval names no approver.", "Send the field approver."),
    ErrorEntry("approver_unknown", "{approver} is not an approver in the policy.", "Ask an approver."),
    ErrorEntry("approver_role_missing", "{approver} has none of the roles this service needs: {roles}.",
               "Ask an approver who has one of them."),
    ErrorEntry("self_approval", "{approver} requested this run and cannot approve it.", "Ask somebody else."),
    ErrorEntry("approver_repeated", "{approver} has approved this plan already.", "A second person is needed."),
    ErrorEntry("signature_required", "The policy accepts signed approvals only.",
               "Sign: --key FILE (mm-orchestrator keys new ID makes one), or a token from keys sign."),
    ErrorEntry("token_malformed", "The token is not a signed approval: {detail}",
               "Make one: mm-orchestrator keys sign RUN --key FILE"),
    ErrorEntry("token_algorithm_refused", "The token is signed with {algorithm}; for {approver} policy takes {wanted}.",
               "Sign with the approver's own key."),
    ErrorEntry("token_signature_invalid", "The token is not signed with the key that policy has for {approver}.",
               "Sign with the approver's own key, or correct the key in the policy."),
    ErrorEntry("token_expired", "The token has expired.", "Sign a new one: mm-orchestrator keys sign RUN --key FILE"),
    ErrorEntry("token_not_yet_valid", "The token is not valid yet.", "Check the clocks of both machines."),
    ErrorEntry("token_replayed", "The token was used before; each is good for one use.",
               "Sign a new one: mm-orchestrator keys sign RUN --key FILE"),
    ErrorEntry("token_mismatch", "The token is for another {what}.", "Sign one for exactly this run and plan."),
    ErrorEntry("approver_key_missing", "Policy has no key for {approver}, and no shared secret.",
               "Make a key (mm-orchestrator keys new ID) and put its public half under approvers in the policy."),
    ErrorEntry("too_many_attempts", "Too many attempts to decide this run were refused.",
               "Cancel the run and start again; find out who sends them."),
    ErrorEntry("secret_unreadable", "The shared secret cannot be used: {detail}",
               "It must be a file of at least 32 bytes that nobody else can read."),
    ErrorEntry("key_exists", "{path} exists; a key is never overwritten.", "Name another directory, or move the old key away."),
    ErrorEntry("key_unreadable", "The key {path} cannot be used: {detail}", "mm-orchestrator keys new ID makes one."),
    # Changing things
    ErrorEntry("foreign_change", "Somebody else changed {path} during the run.",
               "Look at it; it was left as they made it."),
    ErrorEntry("journal_settled", "The run's journal was settled by {by}; this late step changed nothing.",
               "mm-orchestrator explain {run_id}"),
    ErrorEntry("lock_timeout", "Another process holds the lock of project {project}.",
               "Wait for it to end and run again.", retryable=True),
    ErrorEntry("write_failed", "A file could not be written: {detail}", "Free space or correct the permissions."),
    ErrorEntry("build_failed", "The image of {service} does not build: {detail}", "Read build.log."),
    ErrorEntry("patch_ineffective", "The patched build gives the very image that runs already.",
               "The patched file is not part of the image; correct the Dockerfile."),
    ErrorEntry("patch_masked", "{detail}", "Remove the volume or mount that hides the patched path."),
    ErrorEntry("restart_failed", "Compose could not restart {service}: {detail}", "Read restart.log."),
    ErrorEntry("image_missing", "Service {service} has no image {image} and it may not be pulled or built here.",
               "Build or pull the image first."),
    ErrorEntry("neighbour_changed", "Another container of the project changed during the run: {names}",
               "Read containers.json."),
    # Verify
    ErrorEntry("container_crashed", "{detail}", "Read verify.log and service logs."),
    ErrorEntry("health_timeout", "{service} did not become healthy within {seconds} s: {detail}", "Read verify.log."),
    ErrorEntry("not_stable", "{service} became healthy but did not stay so: {detail}", "Read verify.log."),
    ErrorEntry("probe_unavailable", "A probe cannot be sent: {detail}", "Correct the probe in the policy."),
    # Ending
    ErrorEntry("rollback_incomplete", "Not everything could be put back: {detail}",
               "mm-orchestrator recover {run_id}, or with --accept-current-state"),
    ErrorEntry("cancelled", "The run was cancelled.", "Start again if it is still wanted."),
    ErrorEntry("host_unavailable", "No worker of host {host} took the step in time.",
               "Start the worker of that host (MM_ORCHESTRATOR_HOST={host} mm-orchestrator worker), or correct the "
               "project's host in the policy."),
    ErrorEntry("step_timeout", "Step {step} did not end in time: {detail}", "Read the step's log."),
    ErrorEntry("unknown_run", "No run {run} is known.", "mm-orchestrator list"),
    ErrorEntry("temporal_unavailable", "Temporal does not answer at {address}: {detail}",
               "Start it (mm-orchestrator dev), set TEMPORAL_ADDRESS, or use --local."),
    ErrorEntry("worker_unavailable", "No worker answers for run {run}.",
               "Start one (mm-orchestrator worker, or mm-orchestrator dev), then try again."),
    ErrorEntry("clock_skew", "This machine's clock and that of Temporal's server are {seconds} s apart.",
               "Set both by NTP; until then approvals expire early or late."),
    ErrorEntry("worker_not_polling", "No worker of this machine ({machine}) asks for work on: {queues}.",
               "Look at its log; start it again (mm-orchestrator worker)."),
    ErrorEntry("run_already_ended", "Run {run} has ended already: {status}.", "mm-orchestrator explain {run}"),
    ErrorEntry("run_interrupted", "The run was {how} from outside before it could say how it ended.",
               "mm-orchestrator recover {run_id}"),
    ErrorEntry("artifact_missing", "Run {run} has no {what}.", "mm-orchestrator artifacts {run}"),
    ErrorEntry("artifact_corrupt", "Artifact {name} does not match its SHA-256 any more.",
               "Do not rely on it; the stored original may be in the artifact store's backup."),
    ErrorEntry("artifact_elsewhere", "Artifact {name} is kept at {uri}, and no object store is configured here.",
               "Set TEMPORAL_ARTIFACT_S3_ENDPOINT, bucket and keys as the worker has them, then try again."),
    ErrorEntry("bundle_refused", "This is no evidence bundle that could be checked: {detail}",
               "Download it again: mm-orchestrator artifacts RUN --download DIR"),
    ErrorEntry("run_not_ended", "Run {run} has not ended: {status}.",
               "Wait (mm-orchestrator watch {run}), or end it first: mm-orchestrator cancel {run}"),
    ErrorEntry("nothing_to_retry", "Run {run} succeeded; there is nothing to repeat.",
               'Start a new one where the service is broken again: mm-orchestrator run SERVICE "INSTRUCTION"'),
    ErrorEntry("baseline_invalid", "The baseline {path} cannot be used: {detail}",
               "Correct it; deploy/STATISTICS.md has an example."),
    ErrorEntry("file_exists", "{path} exists and is not this artifact; it was not overwritten.",
               "Name another directory."),
    ErrorEntry("embedded_failed", "The embedded Temporal server did not start: {detail}", "Read the named log."),
    ErrorEntry("state_dir_busy", "Another mm-orchestrator uses the state directory {path}: {holder}",
               "Stop it, use it (run without --local), or set MM_ORCHESTRATOR_STATE_DIR."),
    ErrorEntry("state_dir_invalid", "The state directory {path} cannot be used: {detail}",
               "Set MM_ORCHESTRATOR_STATE_DIR to a private directory outside every project."),
    ErrorEntry("search_attributes_unusable",
               "Temporal's namespace {namespace} does not take what every run writes: {detail}",
               "Register them as Keyword (temporal operator search-attribute create), or set TEMPORAL_NAMESPACE."),
    ErrorEntry("settings_invalid", "The environment is not valid: {detail}", "Correct or unset the variable."),
    ErrorEntry("journal_missing", "Run {run_id} has no journal here: it changed nothing on this machine.",
               "Nothing to recover."),
    ErrorEntry("journal_unreadable", "The journal {path} cannot be read: {detail}",
               "Keep the directory; it holds the original files. Use the version that wrote it, or restore it."),
    ErrorEntry("journal_open", "Run {run_id} has changes that are not settled yet.",
               "mm-orchestrator recover {run_id}"),
    ErrorEntry("artifact_unreadable", "Artifact {name} cannot be read: {detail}",
               "Look at its uri in the run record; mm-orchestrator artifacts RUN"),
    # The artifact store; none of these ends a run: its evidence waits in the spool
    ErrorEntry("store_unreachable", "The artifact store {place} does not answer: {detail}",
               "Start it or correct TEMPORAL_ARTIFACT_S3_ENDPOINT; what waits in the spool is delivered by itself."),
    ErrorEntry("store_credentials", "The artifact store {place} refuses the login: {detail}",
               "Correct TEMPORAL_ARTIFACT_S3_ACCESS_KEY_ID and _SECRET_ACCESS_KEY, or what that login may do: put, get, list and delete objects."),
    ErrorEntry("store_bucket", "The bucket {bucket} of the artifact store is not there and cannot be made: {detail}",
               "Make it, or correct TEMPORAL_ARTIFACT_S3_BUCKET, or allow the login to make it."),
    ErrorEntry("store_clock_skew", "The artifact store {place} refuses requests: its clock and this host's differ by minutes.",
               "Set both clocks (chrony, systemd-timesyncd)."),
    ErrorEntry("store_full", "The artifact store {place} has no room: {detail}",
               "Free space there or raise the bucket's quota; what waits in the spool is delivered by itself."),
    ErrorEntry("store_refused", "The artifact store {place} does not do as asked: {detail}",
               "Read the store's own log."),
    ErrorEntry("store_unwritable", "The artifact store {place} does not take files: {detail}",
               "Free space or correct the permissions; what waits in the spool is delivered by itself."),
    ErrorEntry("run_recovered", "The run was lost before it ended; everything it changed was put back.",
               "Start again if it is still wanted."),
    ErrorEntry("state_accepted", "The run did not end; an operator accepted the state it left as it is.",
               "Check files and containers: mm-orchestrator explain {run_id}"),
    ErrorEntry("internal_error", "An unexpected error: {detail}", "Report it with the run's artifacts.",
               retryable=True),
)  # fmt: skip


class _Facts(dict[str, object]):
    """A fact nobody gave reads ``?``: an error message must never raise another error."""

    def __missing__(self, key: str) -> str:
        return "?"


class OrchestratorError(Exception):
    """An error from the catalogue, with the facts of this case and the evidence stored so far.

    Raises:
        KeyError: the code is not in the catalogue.
    """

    def __init__(
        self,
        code: str,
        *,
        artifacts: tuple[RunArtifact, ...] = (),
        warnings: tuple[str, ...] = (),
        **facts: object,
    ) -> None:
        entry = CATALOGUE[code]
        self.code = code
        self.message = entry.cause.format_map(_Facts(facts))
        self.remedy = entry.remedy.format_map(_Facts(facts))
        self.retryable = entry.retryable
        self.artifacts = artifacts
        self.warnings = warnings
        super().__init__(f"{code}: {self.message}")

    def failure(self, step: StepName) -> Failure:
        """The failure as the run record carries it."""
        return Failure(
            code=self.code,
            step=step,
            message=self.message,
            remedy=self.remedy,
            artifacts=tuple(artifact.name for artifact in self.artifacts),
        )
