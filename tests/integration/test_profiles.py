"""TLS, client certificates and profiles: through a TLS gate that the test puts before a real server."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ssl
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from temporalio.testing import WorkflowEnvironment

from starter.address import resolve_address, resolve_namespace
from starter.client import OrchestratorClient
from starter.profile import credentials_for
from starter.settings import StarterSettings
from workflows.errors import OrchestratorError

STEERED = ("ADDRESS", "NAMESPACE", "API_KEY", "PROFILE", "CONFIG_FILE", "TLS", "TLS_SERVER_CA_CERT_PATH",
           "TLS_CLIENT_CERT_PATH", "TLS_CLIENT_KEY_PATH", "TLS_SERVER_NAME")  # fmt: skip


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in STEERED:
        monkeypatch.delenv(f"TEMPORAL_{name}", raising=False)
    monkeypatch.setenv("MM_ORCHESTRATOR_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(tmp_path / "temporal.toml"))


@dataclass(frozen=True)
class Gate:
    """Certificates made for one test, and where the gate listens."""

    address: str
    ca: Path
    certificate: Path
    key: Path


def certificate(
    name: str, issuer: tuple[x509.Name, ec.EllipticCurvePrivateKey] | None
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """An authority where there is no issuer, else a certificate for localhost that serves both sides."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0] if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if issuer:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256()), key


def certificates(directory: Path) -> tuple[Path, Path, Path]:
    """(authority, certificate, key) of this test alone."""
    authority, its_key = certificate("test authority", None)
    leaf, key = certificate("localhost", (authority.subject, its_key))
    paths = (directory / "ca.pem", directory / "cert.pem", directory / "key.pem")
    paths[0].write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    paths[2].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return paths


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Bytes from one side to the other until it ends."""
    with contextlib.suppress(OSError, asyncio.CancelledError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


@pytest.fixture
async def gate(tmp_path: Path) -> AsyncIterator[Gate]:
    """A real server that is reached by TLS with a client certificate only."""
    ca, leaf, key = certificates(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(ca))
    context.load_cert_chain(leaf, key)
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["h2"])
    binary = str(Path(sys.executable).parent / "temporal")
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=binary, dev_server_startup_timeout=timedelta(seconds=60)
    ) as env:
        host, _, port = env.client.service_client.config.target_host.partition(":")

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            inner_reader, inner_writer = await asyncio.open_connection(host, int(port))
            await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        listening = server.sockets[0].getsockname()[1]
        yield Gate(f"localhost:{listening}", ca, leaf, key)
        server.close()


async def listed() -> None:
    """What every command begins with, by the environment as it is now."""
    settings = StarterSettings()
    address = resolve_address(settings)
    client = await OrchestratorClient.connect(address, resolve_namespace(settings, address))
    assert await client.list() == ()


async def test_variables_bring_tls_and_a_certificate(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without them the server is not reached, with them it answers."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", gate.address)
    with pytest.raises(OrchestratorError, match="temporal_unavailable"):
        await listed()
    monkeypatch.setenv("TEMPORAL_TLS_SERVER_CA_CERT_PATH", str(gate.ca))
    monkeypatch.setenv("TEMPORAL_TLS_CLIENT_CERT_PATH", str(gate.certificate))
    monkeypatch.setenv("TEMPORAL_TLS_CLIENT_KEY_PATH", str(gate.key))
    await listed()


async def test_a_profile_brings_everything(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Address, namespace and TLS of a named profile; the default one counts where nothing else is said."""
    for name in ("default", "production"):
        lines = [
            f'[profile.{name}]\naddress = "{gate.address}"\nnamespace = "default"\n[profile.{name}.tls]',
            f'server_ca_cert_path = "{gate.ca}"',
            f'client_cert_path = "{gate.certificate}"',
            f'client_key_path = "{gate.key}"',
        ]
        (tmp_path / "temporal.toml").write_text("\n".join(lines))
        monkeypatch.setenv("TEMPORAL_PROFILE", "" if name == "default" else name)
        await listed()


def test_credentials_go_to_their_own_server_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An address that was given otherwise sees neither key nor certificate."""
    (tmp_path / "temporal.toml").write_text(
        '[profile.default]\naddress = "cloud:7233"\nnamespace = "shop.a1"\napi_key = "canary-key"\n'
    )
    assert credentials_for("cloud:7233") == {"api_key": "canary-key", "tls": True}
    assert credentials_for("localhost:7233") == {}
    settings = StarterSettings()
    assert resolve_address(settings) == "cloud:7233"
    assert resolve_namespace(settings, "cloud:7233") == "shop.a1"
    assert resolve_namespace(settings, "localhost:7233") == "default"
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "mine")
    assert resolve_namespace(StarterSettings(), "cloud:7233") == "mine"


@pytest.mark.parametrize("text", ["not toml [", '[profile.other]\naddress = "x:1"\n'])
def test_a_profile_that_cannot_be_had_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    """By the catalogue, without what the file holds."""
    (tmp_path / "temporal.toml").write_text(text)
    monkeypatch.setenv("TEMPORAL_PROFILE", "production")
    with pytest.raises(OrchestratorError, match="settings_invalid"):
        resolve_address(StarterSettings())
