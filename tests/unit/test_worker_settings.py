"""The worker's environment: names, order, empty values, and friendly refusals."""

from pathlib import Path

import pytest

from worker.evidence import store_address
from worker.settings import WorkerSettings, load_settings
from workflows.errors import OrchestratorError

NAMES = (
    "TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE", "MM_ORCHESTRATOR_STATE_DIR", "MM_ORCHESTRATOR_POLICY",
    "MM_ORCHESTRATOR_HOST", "MM_ORCHESTRATOR_TASK_QUEUE", "MM_ORCHESTRATOR_GRACEFUL_SHUTDOWN_SECONDS",
    "MM_ORCHESTRATOR_LOG_LEVEL", "MM_ORCHESTRATOR_LOG_FORMAT", "MOONMIND_DEPLOYMENT_LOCK_DIR",
    "ORCHESTRATOR_STATSD_HOST", "ORCHESTRATOR_STATSD_PORT", "SPEC_WORKFLOW_METRICS_HOST",
    "SPEC_WORKFLOW_METRICS_PORT", "SPEC_WORKFLOW_METRICS_PREFIX", "SPEC_WORKFLOW_METRICS_ENABLED",
    "STATSD_HOST", "STATSD_PORT", "MM_ORCHESTRATOR_LLM_URL", "MM_ORCHESTRATOR_LLM_MODEL",
    "MM_ORCHESTRATOR_LLM_API_KEY", "MM_ORCHESTRATOR_LLM_TIMEOUT_SECONDS", "MM_ORCHESTRATOR_LLM_MAX_TOKENS",
    "MM_ORCHESTRATOR_LLM_MAX_CALLS_PER_RUN", "MM_ORCHESTRATOR_LLM_MAX_CALLS_PER_DAY",
    "MM_ORCHESTRATOR_PROJECT_DIR", "MM_ORCHESTRATOR_SECRETS_DIR",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MM_ORCHESTRATOR_STATE_DIR", str(tmp_path / "state"))


def test_defaults_are_those_of_the_contract() -> None:
    """Queue, namespace, metrics prefix and no policy (DESIGN section 6)."""
    settings = load_settings()
    assert settings.task_queue == "mm.orchestrator"
    assert settings.temporal_namespace == "default"
    assert settings.temporal_address is None
    assert settings.host is None
    assert settings.policy_path is None
    assert (settings.statsd_host, settings.statsd_port) == (None, 8125)
    assert settings.statsd_prefix == "moonmind.orchestrator"


def test_an_empty_value_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose files set variables to nothing all the time."""
    for name in NAMES:
        monkeypatch.setenv(name, "")
    assert load_settings() == WorkerSettings(configured_state_dir=None)
    assert load_settings().task_queue == "mm.orchestrator"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"STATSD_HOST": "c"}, "c"),
        ({"SPEC_WORKFLOW_METRICS_HOST": "b", "STATSD_HOST": "c"}, "b"),
        ({"ORCHESTRATOR_STATSD_HOST": "a", "SPEC_WORKFLOW_METRICS_HOST": "b", "STATSD_HOST": "c"}, "a"),
        ({"ORCHESTRATOR_STATSD_HOST": "", "SPEC_WORKFLOW_METRICS_HOST": "", "STATSD_HOST": "c"}, "c"),
        ({}, None),
    ],
)
def test_statsd_names_in_their_order(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: str | None
) -> None:
    """Ours first, then MoonMind's, then the common one; empty ones are passed over (SPEC FR-012)."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert load_settings().statsd_host == expected


def test_the_state_directory_may_hold_the_policy(tmp_path: Path) -> None:
    """``policy.yaml`` there counts as soon as it exists."""
    settings = load_settings()
    assert settings.policy_path is None
    policy = settings.state_dir / "policy.yaml"
    policy.parent.mkdir()
    policy.write_text("version: 1\n")
    assert settings.policy_path == policy


def test_a_named_policy_counts_even_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A typo in the path must be told, not read as "no policy"."""
    monkeypatch.setenv("MM_ORCHESTRATOR_POLICY", "/no/such/policy.yaml")
    assert load_settings().policy_path == Path("/no/such/policy.yaml")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MM_ORCHESTRATOR_POLICY", "relative/policy.yaml"),
        ("MM_ORCHESTRATOR_HOST", "two words"),
        ("MM_ORCHESTRATOR_TASK_QUEUE", "../queue"),
        ("MM_ORCHESTRATOR_GRACEFUL_SHUTDOWN_SECONDS", "-1"),
        ("MM_ORCHESTRATOR_LOG_LEVEL", "loud"),
        ("MM_ORCHESTRATOR_LOG_FORMAT", "xml"),
        ("MOONMIND_DEPLOYMENT_LOCK_DIR", "locks"),
        ("ORCHESTRATOR_STATSD_PORT", "hunter2"),
        ("STATSD_PORT", "70000"),
        ("SPEC_WORKFLOW_METRICS_ENABLED", "perhaps"),
    ],
)
def test_a_bad_value_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """The message names the variable that is set, and never repeats its value (I5)."""
    monkeypatch.setenv(name, value)
    with pytest.raises(OrchestratorError) as caught:
        load_settings()
    assert caught.value.code == "settings_invalid"
    assert name in caught.value.message
    assert value not in caught.value.message


def test_a_host_name_becomes_part_of_a_queue() -> None:
    """Whatever Docker calls the host, the queue's name stays plain."""
    assert load_settings().host_queue("My Host/7") == "mm.orchestrator.My-Host-7"


def test_no_language_model_is_asked_by_default() -> None:
    """Off until somebody names an address."""
    assert load_settings().llm_url is None


def test_a_language_model_is_configured_by_address_and_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key is in no text about the settings (I5)."""
    monkeypatch.setenv("MM_ORCHESTRATOR_LLM_URL", "https://llm.example.org/v1")
    monkeypatch.setenv("MM_ORCHESTRATOR_LLM_MODEL", "tiny")
    monkeypatch.setenv("MM_ORCHESTRATOR_LLM_API_KEY", "sk-canary")
    settings = load_settings()
    assert (settings.llm_url, settings.llm_model) == ("https://llm.example.org/v1", "tiny")
    assert settings.llm_api_key.get_secret_value() == "sk-canary"
    assert "sk-canary" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MM_ORCHESTRATOR_LLM_URL", "ftp://llm.example.org"),
        ("MM_ORCHESTRATOR_LLM_URL", "llm.example.org/v1"),
        ("MM_ORCHESTRATOR_LLM_URL", "https://user:sk-canary@llm.example.org/v1"),
        ("MM_ORCHESTRATOR_LLM_URL", "https://llm.example.org/v1?key=sk-canary"),
        ("MM_ORCHESTRATOR_LLM_TIMEOUT_SECONDS", "0"),
        ("MM_ORCHESTRATOR_LLM_TIMEOUT_SECONDS", "600"),
        ("MM_ORCHESTRATOR_LLM_MAX_TOKENS", "many"),
        ("MM_ORCHESTRATOR_LLM_MAX_CALLS_PER_RUN", "0"),
    ],
)
def test_wrong_settings_of_the_language_model(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """The variable is named, its value is not."""
    monkeypatch.setenv(name, value)
    with pytest.raises(OrchestratorError, match=name) as caught:
        load_settings()
    assert caught.value.code == "settings_invalid"
    assert "sk-canary" not in caught.value.message


def test_an_address_without_a_model_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """No model is guessed."""
    monkeypatch.setenv("MM_ORCHESTRATOR_LLM_URL", "https://llm.example.org/v1")
    with pytest.raises(OrchestratorError, match="MM_ORCHESTRATOR_LLM_MODEL"):
        load_settings()


def test_files_hold_what_should_not_be_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Named as the variables, any alias; the environment goes before; line ends do not count."""
    monkeypatch.setenv("MM_ORCHESTRATOR_SECRETS_DIR", str(tmp_path))
    (tmp_path / "MM_ORCHESTRATOR_LLM_API_KEY").write_text("from-a-file\n")
    (tmp_path / "MINIO_SECRET_KEY").write_text("of-the-store\n")
    (tmp_path / "STATSD_HOST").write_text("file.example")
    monkeypatch.setenv("STATSD_HOST", "environment.example")
    settings = load_settings()
    assert settings.llm_api_key.get_secret_value() == "from-a-file"
    assert settings.s3_secret_key.get_secret_value() == "of-the-store"
    assert settings.statsd_host == "environment.example"
    monkeypatch.setenv("MM_ORCHESTRATOR_SECRETS_DIR", str(tmp_path / "nowhere"))
    assert load_settings().llm_api_key.get_secret_value() == ""


LOGIN = {
    "TEMPORAL_ARTIFACT_S3_ACCESS_KEY_ID": "someone",
    "TEMPORAL_ARTIFACT_S3_SECRET_ACCESS_KEY": "sk-canary-store",
}


@pytest.mark.parametrize(
    ("given", "public", "place", "public_place"),
    [
        ("minio:9000", None, ("minio:9000", False), (None, False)),
        ("http://minio:9000/", None, ("minio:9000", False), (None, False)),
        ("https://s3.example.org", None, ("s3.example.org", True), (None, False)),
        ("minio:9000", "https://files.example.org", ("minio:9000", False), ("files.example.org", True)),
        (
            "https://minio:9000",
            "files.example.org:9443",
            ("minio:9000", True),
            ("files.example.org:9443", True),
        ),
    ],
)
def test_store_address_is_a_host_or_a_url(
    monkeypatch: pytest.MonkeyPatch,
    given: str,
    public: str | None,
    place: tuple[str, bool],
    public_place: tuple[str | None, bool],
) -> None:
    """An address that says http or https wins over the setting; browsers may have another one."""
    for name, value in {**LOGIN, "TEMPORAL_ARTIFACT_S3_ENDPOINT": given}.items():
        monkeypatch.setenv(name, value)
    if public:
        monkeypatch.setenv("MM_ORCHESTRATOR_ARTIFACT_PUBLIC_ENDPOINT", public)
    address = store_address(load_settings())
    assert address is not None
    assert (address.endpoint, address.use_ssl) == place
    assert (address.public_endpoint, address.public_ssl) == public_place
    assert "sk-canary" not in repr(address)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TEMPORAL_ARTIFACT_S3_ENDPOINT", "http://user:sk-canary@minio:9000"),
        ("TEMPORAL_ARTIFACT_S3_ENDPOINT", "user:sk-canary@minio:9000"),
        ("TEMPORAL_ARTIFACT_S3_ENDPOINT", "http://minio:9000/bucket"),
        ("TEMPORAL_ARTIFACT_S3_ENDPOINT", "minio:9000/bucket"),
        ("TEMPORAL_ARTIFACT_S3_ENDPOINT", "ftp://minio"),
        ("TEMPORAL_ARTIFACT_S3_ENDPOINT", "minio:port"),
        ("MINIO_BUCKET", "spec_workflows"),
        ("MM_ORCHESTRATOR_ARTIFACT_PUBLIC_ENDPOINT", "https://host/?key=sk-canary"),
        ("MM_ORCHESTRATOR_RETENTION_DAYS", "0"),
    ],
)
def test_wrong_settings_of_the_store(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """The variable is named, its value is not."""
    for variable, given in {**LOGIN, name: value}.items():
        monkeypatch.setenv(variable, given)
    with pytest.raises(OrchestratorError, match=name) as caught:
        load_settings()
    assert caught.value.code == "settings_invalid"
    assert "sk-canary" not in caught.value.message


def test_store_without_a_login_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evidence is not put where anybody may."""
    monkeypatch.setenv("TEMPORAL_ARTIFACT_S3_ENDPOINT", "minio:9000")
    with pytest.raises(OrchestratorError, match="TEMPORAL_ARTIFACT_S3_ACCESS_KEY_ID"):
        load_settings()
