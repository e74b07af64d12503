"""What the settings of the object store mean to whoever only reads."""

from datetime import timedelta

import pytest

from starter.object_store import object_store
from starter.settings import StarterSettings
from workflows.errors import OrchestratorError


def test_without_an_endpoint_there_is_no_store() -> None:
    """Evidence stays in the state directory."""
    assert object_store(StarterSettings(s3_endpoint=None)) is None


@pytest.mark.parametrize(
    ("endpoint", "use_ssl", "link"),
    [
        ("minio:9000", False, "http://minio:9000/"),
        ("minio:9000", True, "https://minio:9000/"),
        ("http://minio:9000", True, "http://minio:9000/"),
        ("https://store.example/", False, "https://store.example/"),
    ],
)
def test_an_address_that_names_its_scheme_wins(endpoint: str, use_ssl: bool, link: str) -> None:
    """TLS is as the address says, else as the setting says."""
    keys = {"s3_access_key": "key", "s3_secret_key": "secret"}
    store = object_store(StarterSettings(s3_endpoint=endpoint, s3_use_ssl=use_ssl, **keys))  # type: ignore[arg-type]
    assert store is not None
    assert store.link("run", "x.log", timedelta(days=30)).startswith(link)
    assert "X-Amz-Expires=604800" in store.link("run", "x.log", timedelta(days=30))
    assert "secret" not in store.link("run", "x.log", timedelta(days=1))


def test_links_are_for_the_address_that_browsers_use() -> None:
    """The worker's own address need not be reachable for people."""
    settings = StarterSettings(
        s3_endpoint="minio:9000",
        s3_access_key="key",
        s3_secret_key="secret",  # type: ignore[arg-type]
        artifact_public_endpoint="https://evidence.example",
    )
    store = object_store(settings)
    assert store is not None
    assert store.link("run", "x.log", timedelta(days=1)).startswith("https://evidence.example/")
    assert store.endpoint == "minio:9000"


@pytest.mark.parametrize(
    "endpoint",
    ["ftp://store", "https://", "https://user:pass@store", "https://store/path", "store:port"],
)
def test_an_endpoint_that_is_none_is_a_wrong_setting(endpoint: str) -> None:
    """settings_invalid names the variable; credentials in it are not echoed."""
    with pytest.raises(OrchestratorError) as caught:
        object_store(StarterSettings(s3_endpoint=endpoint))
    assert caught.value.code == "settings_invalid"
    assert "TEMPORAL_ARTIFACT_S3_ENDPOINT" in caught.value.message
    assert "user:pass" not in caught.value.message
