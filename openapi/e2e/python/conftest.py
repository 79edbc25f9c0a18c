"""The server that `run` started, the manifest that it made, and clients with its keys."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from portolan_client import ApiClient, Configuration
from portolan_client.api import ImportsApi, OwnersApi, UpstreamCAsApi
from portolan_client.models import ImportRecord, NewOwner, NewUpstreamCa

from manifest import Manifest

OWNER = "python"
CA_FILENAME = "python.crt"

Clients = dict[str, ApiClient]


@pytest.fixture(scope="session")
def clients() -> Iterator[Clients]:
    """A client of each role, and one without a key."""
    host = os.environ["E2E_URL"]
    roles = {"admin": "E2E_ADMIN_KEY", "manager": "E2E_MANAGER_KEY", "proxy": "E2E_PROXY_KEY"}
    clients = {
        role: ApiClient(Configuration(host=host, access_token=os.environ[name]))
        for role, name in roles.items()
    }
    clients["nobody"] = ApiClient(Configuration(host=host))
    yield clients


@pytest.fixture(scope="session")
def manifest() -> Manifest:
    """The manifest of this client."""
    return Manifest.read(Path(os.environ["E2E_DIR"]) / "python.zip")


@pytest.fixture(scope="session")
def ca_pem() -> str:
    """The CA that signed it."""
    return (Path(os.environ["E2E_DIR"]) / "python-ca" / "ca.crt").read_text()


@pytest.fixture(scope="session")
def record(clients: Clients, manifest: Manifest, ca_pem: str) -> ImportRecord:
    """The record of the import into an owner of this client's own."""
    admin = clients["admin"]
    ca = UpstreamCAsApi(admin).create_upstream_ca(
        NewUpstreamCa(filename=CA_FILENAME, pem=ca_pem, owners=[OWNER])
    )
    assert ca.filename == CA_FILENAME
    owner = OwnersApi(admin).create_owner(NewOwner(key=OWNER, display_name="Python"))
    assert (owner.key, owner.upstream_consumer) == (OWNER, None)
    return ImportsApi(clients["manager"]).create_import(OWNER, manifest.upload)
