"""Fixtures of the emulated blob stores: one server each a process, an empty container or bucket a test.

Their account name and key are the ones that Azurite publishes, and open nothing else.
"""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient, CorsRule, PublicAccess, generate_container_sas
from boto3 import client
from fsspec import get_filesystem_class
from google.cloud.storage import Client
from moto.server import ThreadedMotoServer

from tests.emulators.gcs import gcs_running

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
AZURITE = Path(__file__).parent / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
PRELOADED = Path(__file__).parent / "never_sweep.cjs"
OPTIONS = ("--blobHost", "127.0.0.1", "--blobPort", "0", "--skipApiVersionCheck", "--silent")
MISSING = "Azurite is not installed: run npm ci --ignore-scripts in tests/emulators, or make test"
HOSTS_OWN = (
    "AZURE_",
    "AWS_",
    "GOOGLE_",
    "CLOUDSDK_",
    "STORAGE_EMULATOR_",
)  # what the machine's owner has set for clouds of his own
GOOGLES_RULE = {"origin": ["*"], "method": ["GET", "HEAD"], "responseHeader": ["range", "content-range"]}
_numbers = count()


@dataclass(frozen=True)
class Store:
    """A container or bucket: as the pipeline is told of it, and as browsers are."""

    url: str
    http: str

    @property
    def name(self) -> str:
        """The container's or bucket's own."""
        return self.url.partition("://")[2]


@pytest.fixture(scope="session")
def azurite_server() -> Iterator[str]:
    """URL of the account in an Azurite of this session."""
    with azurite_running() as url:
        yield url


@contextmanager
def azurite_running() -> Iterator[str]:
    """URL of the account in an Azurite that keeps everything in memory; fails if it is not installed."""
    if not AZURITE.is_file():
        pytest.fail(MISSING, pytrace=False)
    program = ["node", "--require", str(PRELOADED), str(AZURITE)]
    command = [*program, *OPTIONS, "--inMemoryPersistence", "--disableTelemetry"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if found := re.search(r"listens on (http://\S+)", line):
                try:
                    yield f"{found[1]}/{ACCOUNT}"
                finally:
                    process.kill()
                return
        pytest.fail("Azurite has ended: " + "".join(said), pytrace=False)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """URL of an S3 server that keeps everything in memory."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line a request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def gcs_server() -> Iterator[str]:
    """URL of Google's store as it is emulated here."""
    with gcs_running() as url:
        yield url


@pytest.fixture
def azurite(azurite_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """An empty private container, and the environment by which it is reached."""
    told = {"AZURE_STORAGE_CONNECTION_STRING": connection_string(azurite_server)}
    set_environment(told, monkeypatch)
    name = f"container-{next(_numbers)}"
    with account(azurite_server) as service:
        service.create_container(name)
        yield Store(f"az://{name}", f"{azurite_server}/{name}")
        service.delete_container(name)
    forget_clients()


@pytest.fixture
def s3(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """An empty private bucket, and the environment by which it is reached."""
    told = {
        "AWS_ENDPOINT_URL": s3_server,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "not-a-key",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    set_environment(told, monkeypatch)
    name = f"bucket-{next(_numbers)}"
    with closing(client("s3")) as service:
        service.create_bucket(Bucket=name)
    yield Store(f"s3://{name}", f"{s3_server}/{name}")
    forget_clients()


@pytest.fixture
def gcs(gcs_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """An empty private bucket, and the environment by which it is reached; none of it asks for a login."""
    set_environment({"STORAGE_EMULATOR_HOST": gcs_server, "NO_GCE_CHECK": "true"}, monkeypatch)
    name = f"bucket-{next(_numbers)}"
    with closing(Client(project="none")) as service:
        service.create_bucket(name)
    yield Store(f"gs://{name}", f"{gcs_server}/{name}")
    forget_clients()


def connection_string(server: str, secret: str = f"AccountKey={KEY}") -> str:
    """How Azure's libraries are told of the account, and of a key or of a SAS (`SharedAccessSignature=`)."""
    return f"BlobEndpoint={server};AccountName={ACCOUNT};{secret}"


def account(server: str) -> BlobServiceClient:
    """The account, by its key."""
    return BlobServiceClient.from_connection_string(connection_string(server))


def container_sas(container: str, permission: str) -> str:
    """A token for one container, for an hour: `permission` as Azure writes them, r for read, w for write."""
    until = datetime.now(UTC) + timedelta(hours=1)
    return generate_container_sas(ACCOUNT, container, KEY, permission=permission, expiry=until)


def let_browsers_read(store: Store) -> None:
    """The rule by which pages of any site may ask, where they have the right to: of a whole Azure account."""
    if store.url.startswith("gs://"):
        set_googles_rules(store.name, [GOOGLES_RULE])
        return
    with account(store.http.rpartition("/")[0]) as service:
        rule = CorsRule(["*"], ["GET", "HEAD"], allowed_headers=["range"], exposed_headers=["content-range"])
        service.set_service_properties(cors=[rule])


def let_everybody_read(store: Store) -> None:
    """Without a key, from pages of any site: objects whose name is known."""
    if store.url.startswith("az://"):
        let_browsers_read(store)
        with account(store.http.rpartition("/")[0]) as service:
            service.get_container_client(store.name).set_container_access_policy({}, PublicAccess.BLOB)
        return
    if store.url.startswith("gs://"):
        let_browsers_read(store)
        with closing(Client(project="none")) as service:
            bucket = service.bucket(store.name)
            policy = bucket.get_iam_policy()
            policy.bindings = [{"role": "roles/storage.legacyObjectReader", "members": {"allUsers"}}]
            bucket.set_iam_policy(policy)
        return
    allowed = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
    policy = {"Version": "2012-10-17", "Statement": [{**allowed, "Resource": f"arn:aws:s3:::{store.name}/*"}]}
    rules = [{"AllowedOrigins": ["*"], "AllowedMethods": ["GET", "HEAD"], "AllowedHeaders": ["range"]}]
    with closing(client("s3")) as service:
        service.put_bucket_policy(Bucket=store.name, Policy=json.dumps(policy))
        service.put_bucket_cors(Bucket=store.name, CORSConfiguration={"CORSRules": rules})


def set_googles_rules(name: str, rules: Sequence[Mapping[str, object]]) -> None:
    """By which pages may ask for what they have the right to."""
    with closing(Client(project="none")) as service:
        bucket = service.bucket(name)
        bucket.cors = rules
        bucket.patch()


def googles_rules(name: str) -> list[dict[str, object]]:
    """Those of a bucket, first the one that counts first."""
    with closing(Client(project="none")) as service:
        return list(service.get_bucket(name).cors)


def set_environment(told: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials as a user sets them, and no others; fsspec's clients, which keep theirs, are forgotten."""
    for name in os.environ:
        if name.startswith(HOSTS_OWN):
            monkeypatch.delenv(name)
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    forget_clients()


def forget_clients() -> None:
    """Clients are made anew when next asked for."""
    for protocol in ("az", "s3", "gs"):
        get_filesystem_class(protocol).clear_instance_cache()
