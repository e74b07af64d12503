"""The webhook's variables; a wrong one is named, its value never."""

import pytest

from worker.settings import load_settings
from workflows.errors import OrchestratorError
from workflows.models.notification import NotifyEvent

URL, EVENTS = "MM_ORCHESTRATOR_NOTIFY_URL", "MM_ORCHESTRATOR_NOTIFY_EVENTS"


@pytest.mark.parametrize("address", ["hooks.example/SecretPath", "ftp://x/SecretPath", "http://[SecretPath"])
def test_a_bad_address_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """It may be a token with a typing error."""
    monkeypatch.setenv(URL, address)
    with pytest.raises(OrchestratorError, match=URL) as caught:
        load_settings()
    assert "SecretPath" not in caught.value.message


def test_all_events_or_a_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commas or blanks; what is no event is told with those that are."""
    assert load_settings().notify_events == frozenset(NotifyEvent)
    monkeypatch.setenv(EVENTS, "rolled_back, awaiting_approval")
    assert load_settings().notify_events == {NotifyEvent.ROLLED_BACK, NotifyEvent.AWAITING_APPROVAL}
    monkeypatch.setenv(EVENTS, "rolled_back,succeeded")
    with pytest.raises(OrchestratorError, match="no such event: succeeded; there are: awaiting_approval"):
        load_settings()


def test_what_no_log_may_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address as a whole, the path as an HTTP library prints it, and the secret."""
    assert load_settings().notify_secrets == frozenset()
    monkeypatch.setenv(URL, "https://hooks.example/services/T0/x?key=1")
    monkeypatch.setenv("MM_ORCHESTRATOR_NOTIFY_SECRET", "s3cret")
    assert load_settings().notify_secrets == {
        "https://hooks.example/services/T0/x?key=1", "services/T0/x?key=1", "s3cret"
    }  # fmt: skip
