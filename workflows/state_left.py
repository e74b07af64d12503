"""What state each error code leaves; ``python -m workflows.state_left deploy/RUNBOOK.md`` writes the table.

A test holds this complete: a code without a state would be met by an operator who cannot look it up.
"""

import sys
from enum import StrEnum
from pathlib import Path

from workflows.error_table import plain
from workflows.errors import CATALOGUE

BEGIN = "<!-- codes: python -m workflows.state_left deploy/RUNBOOK.md -->"
END = "<!-- end of codes -->"


class Left(StrEnum):
    """The state of project files, images and containers after an error."""

    UNTOUCHED = "Nothing was touched; in a later round, what earlier ones changed was put back and measured."
    PUT_BACK = "Everything the run changed was put back and measured (`rolled_back`)."
    BY_STEP = "Before step `patch` nothing was touched; after it everything was put back and measured."
    REFUSED = "Only this attempt was refused; the run goes on as it was."
    OPEN = "Not known: where something was changed, the journal is open and holds the original files."
    FINISHED = "Put back and measured by the guard or by `recover`."
    ACCEPTED = "As the run left it, by an operator's decision; the journal is settled."
    TAKEN_OVER = "This late step changed nothing; what is there, whoever settled the journal has measured."
    THEIRS = "What somebody else changed was left as they made it; everything else was put back and measured."
    NO_RUN = "Nothing was touched: a command or worker could not do its own work, runs go on as they were."


_CODES: dict[Left, str] = {
    Left.UNTOUCHED: """
        ambiguous_instruction ambiguous_service approval_expired approval_impossible approval_not_seen
        approval_rejected build_context_missing build_context_remote circuit_open compose_files_missing
        compose_invalid compose_missing compose_too_old config_drift diff_invalid diff_not_allowed
        diff_too_large disk_full docker_endpoint_mismatch dockerfile_inline image_only_service
        invalid_request no_safe_fix outside_maintenance_window own_service plan_drifted policy_invalid
        policy_unreadable project_busy project_held requester_required shared_namespace unknown_project
        unknown_service unset_variables unsupported_instruction workspace_elsewhere workspace_missing
        workspace_owner_mismatch workspace_read_only
    """,
    Left.PUT_BACK: """
        build_failed container_crashed health_timeout neighbour_changed not_stable patch_ineffective
        probe_unavailable restart_failed
    """,
    Left.BY_STEP: """
        cancelled docker_forbidden docker_unavailable host_unavailable image_missing internal_error
        lock_timeout not_as_measured patch_masked step_timeout write_failed
    """,
    Left.REFUSED: """
        approval_not_needed approver_key_missing approver_repeated approver_required approver_role_missing
        approver_unknown no_plan_yet plan_digest_mismatch plan_digest_required secret_unreadable
        self_approval signature_required token_algorithm_refused token_expired token_malformed
        token_mismatch token_not_yet_valid token_replayed token_signature_invalid too_many_attempts
    """,
    Left.OPEN: "journal_open journal_unreadable rollback_incomplete run_interrupted",
    Left.FINISHED: "run_recovered",
    Left.ACCEPTED: "state_accepted",
    Left.TAKEN_OVER: "journal_settled",
    Left.THEIRS: "foreign_change",
    Left.NO_RUN: """
        artifact_corrupt artifact_elsewhere artifact_missing artifact_unreadable baseline_invalid
        bundle_refused clock_skew embedded_failed file_exists journal_missing key_exists key_unreadable
        nothing_to_retry run_already_ended run_not_ended search_attributes_unusable settings_invalid
        state_dir_busy state_dir_invalid store_bucket store_clock_skew store_credentials store_full
        store_refused store_unreachable store_unwritable temporal_unavailable unknown_run worker_not_polling
        worker_unavailable
    """,
}

STATE_LEFT: dict[str, Left] = {code: left for left, codes in _CODES.items() for code in codes.split()}
"""By error code."""


def runbook_table() -> str:
    """Markdown, one row per code, in alphabetical order."""
    rows = [
        f"| `{code}` | {plain(entry.cause)} | {STATE_LEFT[code]} | {plain(entry.remedy)} |"
        for code, entry in sorted(CATALOGUE.items())
    ]
    return "\n".join(("| Code | Meaning | State left | What to type |", "|---|---|---|---|", *rows)) + "\n"


def with_table(page: str) -> str:
    """The page with the table as it is now, between its two marks.

    Raises:
        ValueError: the page has no such marks.
    """
    before, begun, rest = page.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not (begun and ended):
        raise ValueError(f"the page needs the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{runbook_table()}\n{END}{after}"


if __name__ == "__main__":
    place = Path(sys.argv[1])
    place.write_text(with_table(place.read_text()))
