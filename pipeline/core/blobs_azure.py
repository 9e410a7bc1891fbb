"""Azure blob storage as a place to write to. The only file that knows Azure's SDK."""

# The SDK is only partly typed: what it returns is given its type here, once.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import base64
import logging
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    IncompleteReadError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.storage.blob import BlobClient, BlobServiceClient, ContainerClient, ContentSettings, CorsRule

from pipeline.core.blobs import (
    EXPOSED,
    PASSING,
    TIMEOUTS,
    Entry,
    Headers,
    Place,
    PlaceError,
    all_pages,
    below,
    md5_of,
    patiently,
    refused,
    size_of,
)

BLOCK = 16 << 20  # bytes of one request; larger files go in blocks, of which Azure takes 50,000
_METHODS, _ALLOWED, _CORS_SECONDS = ["GET", "HEAD", "OPTIONS"], "range", 86_400
_COPY_SECONDS = 600  # for a copy within one account, which takes under a second
_DAMAGED = {"Md5Mismatch", "InvalidMd5"}  # on its way to the store

T = TypeVar("T")

# It warns of every answer that we try again after; what is not tried again is raised.
logging.getLogger("azure").setLevel(logging.ERROR)


class AzurePlace(Place):
    """A prefix of a container; versions are told apart by ETags."""

    def __init__(self, url: str) -> None:
        """`az://CONTAINER/PREFIX`, or `az://CONTAINER@ACCOUNT.blob.core.windows.net/PREFIX`."""
        parts = urlsplit(url)
        if parts.query or parts.fragment or ":" in parts.netloc:
            raise PlaceError(
                f"{parts.scheme}://…{parts.path} holds more than a name: keys belong into the environment,"
                " as AZURE_STORAGE_SAS_TOKEN"
            )
        container, _, host = parts.netloc.partition("@")
        if not container:
            raise PlaceError(f"{url} names no container: give az://CONTAINER/PREFIX")
        self._prefix = parts.path.strip("/")
        self.url = f"{parts.scheme}://{below(container, self._prefix) if self._prefix else container}"
        self.private_advice = (
            f"Let everybody read: az storage container set-permission --name {container} --public-access blob"
            " (the account must allow anonymous access of blobs). Or leave it private: who has a SAS token"
            " opens the atlas with the pages of another site (docs/blob-storage.md)"
        )
        self.cors_advice = (
            "Run again with --fix-cors, or: az storage cors add --services b --origins '*' --methods"
            f" {' '.join(_METHODS)} --allowed-headers '{_ALLOWED}' --exposed-headers '{','.join(EXPOSED)}'"
            f" --max-age {_CORS_SECONDS}"
        )
        self.service = service_client(host)
        self._container: ContainerClient = self.service.get_container_client(container)

    def list(self, prefix: str = "") -> dict[str, Entry]:
        """Asked for page by page, 5,000 objects each."""
        start = f"{self._prefix}/{prefix}" if self._prefix else prefix
        return all_pages(lambda token: self._told(lambda: self._page(start, token)))

    def read(self, name: str) -> tuple[bytes, str] | None:
        """The object and its ETag; the length is the one that Azure tells."""
        try:
            return self._try(lambda: _download(self._blob(name)))
        except ResourceNotFoundError as error:
            if _code(error) == "ContainerNotFound":
                self._explain(error)
            return None

    def put(self, name: str, source: bytes | Path, headers: Headers) -> str:
        """In one request with its MD5, or in blocks with theirs that are then made one object at once."""
        md5 = md5_of(source)
        blob, settings = self._blob(name), _settings(headers, md5)
        if size_of(source) <= BLOCK:
            data = source if isinstance(source, bytes) else source.read_bytes()
            self._told(lambda: _upload(blob, data, settings, overwrite=True))
            return md5.hex()
        blocks = [
            self._told(lambda number=number, data=data: _stage(blob, number, data))
            for number, data in enumerate(_pieces(source))
        ]
        self._told(lambda: blob.commit_block_list(blocks, content_settings=settings))
        return md5.hex()

    def swap(self, name: str, data: bytes, tag: str | None, headers: Headers) -> str:
        """By If-Match, or If-None-Match: *."""
        condition: dict[str, Any] = {"overwrite": False}
        if tag is not None:
            condition = {"overwrite": True, "etag": tag, "match_condition": MatchConditions.IfNotModified}
        blob, settings = self._blob(name), _settings(headers, md5_of(data))
        try:
            return self._try(lambda: _upload(blob, data, settings, **condition))
        except (ResourceModifiedError, ResourceExistsError):
            return self._meanwhile(name, data)
        except ResourceNotFoundError as error:
            if _code(error) == "ContainerNotFound":
                self._explain(error)
            return self._meanwhile(name, data)

    def copy(self, source: str, target: str) -> bool:
        """By the store itself, which takes the headers along; waits until it is done."""
        try:
            self._try(lambda: _copy(self._blob(source), self._blob(target)))
        except ResourceNotFoundError:
            return False
        return True

    def delete(self, name: str) -> None:
        """Removes the object."""
        try:
            self._try(lambda: self._blob(name).delete_blob())
        except ResourceNotFoundError:
            return

    def public_url(self, name: str) -> str | None:
        """The blob's own, without a SAS."""
        return self._blob(name).url.partition("?")[0]

    def allow_every_origin(self) -> None:
        """Puts a rule before those of the account, of which the first that fits counts; Azure takes five."""
        rules: list[Any] = self._told(lambda: self.service.get_service_properties())["cors"]
        if (
            rules
            and _parts(rules[0].allowed_origins) == {"*"}
            and _parts(rules[0].exposed_headers) == {*EXPOSED}
        ):
            return
        rule = CorsRule(
            ["*"],
            _METHODS,
            allowed_headers=[_ALLOWED],
            exposed_headers=list(EXPOSED),
            max_age_in_seconds=_CORS_SECONDS,
        )
        self._told(lambda: self.service.set_service_properties(cors=[rule, *rules]))

    def _blob(self, name: str) -> BlobClient:
        return self._container.get_blob_client(below(self._prefix, name))

    def _page(self, start: str, token: str | None) -> tuple[dict[str, Entry], str | None]:
        pages: Any = self._container.list_blobs(name_starts_with=start).by_page(token)
        cut = len(self._prefix) + 1 if self._prefix else 0
        found: dict[str, Entry] = {}
        for blob in next(pages):
            md5 = blob.content_settings.content_md5
            found[str(blob.name)[cut:]] = Entry(int(blob.size), partial(_hex, md5))
        return found, pages.continuation_token

    def _try(self, call: Callable[[], T]) -> T:
        """What a condition or a missing object makes an error is the caller's to judge."""
        try:
            return patiently(call, _passes)
        except (ResourceModifiedError, ResourceExistsError, ResourceNotFoundError):
            raise
        except AzureError as error:
            self._explain(error)

    def _told(self, call: Callable[[], T]) -> T:
        try:
            return self._try(call)
        except AzureError as error:
            self._explain(error)

    def _explain(self, error: AzureError) -> NoReturn:
        """The SDK's own text is left out: it may hold a SAS, or what was signed."""
        name, account = self._container.container_name, self.service.account_name
        if isinstance(error, ClientAuthenticationError) or getattr(error, "status_code", None) == 403:
            remedy = "check the key or SAS of the environment, and that it may write here"
            refused(self.url, 403, _code(error) or "AuthenticationFailed", remedy)
        if not isinstance(error, HttpResponseError) or error.status_code is None:
            raise PlaceError(
                f"{self.url}: the store of {account} can't be reached ({type(error).__name__});"
                " check the network and the name of the account, then run the same command again"
            ) from None
        code = _code(error)
        if code == "ContainerNotFound":
            remedy = f"make it: az storage container create --name {name} --public-access blob"
            refused(self.url, 404, code, remedy)
        refused(self.url, error.status_code, code, "run the same command again")


def service_client(host: str = "") -> BlobServiceClient:
    """By the variables that adlfs reads too; with none but the account's name, by DefaultAzureCredential.

    Raises PlaceError if the environment names no account.
    """
    env = {name: os.environ.get(f"AZURE_STORAGE_{name}", "") for name in _VARIABLES}
    options: dict[str, Any] = {
        "retry_total": 0,  # `patiently` tries again, 429 too, of which the SDK's policy does not know
        "connection_timeout": TIMEOUTS[0],
        "read_timeout": TIMEOUTS[1],
    }
    try:
        if env["CONNECTION_STRING"]:
            return BlobServiceClient.from_connection_string(env["CONNECTION_STRING"], **options)
    except ValueError:
        raise PlaceError("AZURE_STORAGE_CONNECTION_STRING is no connection string") from None
    account = host.partition(".")[0] or env["ACCOUNT_NAME"]
    if not account:
        raise PlaceError(
            "no Azure account is named: set AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT_NAME"
            " with AZURE_STORAGE_ACCOUNT_KEY, AZURE_STORAGE_SAS_TOKEN or a login (az login)"
        )
    blob_host = host.replace(".dfs.", ".blob.") or f"{account}.blob.core.windows.net"
    credential: Any = env["ACCOUNT_KEY"] or env["SAS_TOKEN"] or _credential(env)
    return BlobServiceClient(f"https://{blob_host}", credential=credential, **options)


_VARIABLES = (
    "CONNECTION_STRING",
    "ACCOUNT_NAME",
    "ACCOUNT_KEY",
    "SAS_TOKEN",
    "CLIENT_ID",
    "CLIENT_SECRET",
    "TENANT_ID",
)


def _credential(env: dict[str, str]) -> Any:
    from azure.identity import ClientSecretCredential, DefaultAzureCredential

    if env["CLIENT_ID"] and env["CLIENT_SECRET"] and env["TENANT_ID"]:
        return ClientSecretCredential(env["TENANT_ID"], env["CLIENT_ID"], env["CLIENT_SECRET"])
    return DefaultAzureCredential()


def _passes(error: Exception) -> bool:
    if isinstance(error, ClientAuthenticationError):
        return False
    if isinstance(error, IncompleteReadError | ServiceRequestError | ServiceResponseError):
        return True
    return isinstance(error, HttpResponseError) and (error.status_code in PASSING or _code(error) in _DAMAGED)


def _code(error: AzureError) -> str:
    code: Any = getattr(error, "error_code", None)
    return str(getattr(code, "value", code) or "")


def _hex(md5: bytearray | None) -> str | None:
    return bytes(md5).hex() if md5 else None


def _settings(headers: Headers, md5: bytes) -> ContentSettings:
    return ContentSettings(
        content_type=headers.content_type, cache_control=headers.cache_control, content_md5=bytearray(md5)
    )


def _upload(blob: BlobClient, data: bytes, settings: ContentSettings, **condition: Any) -> str:
    """Gives the new version's ETag."""
    told = blob.upload_blob(data, content_settings=settings, validate_content=True, **condition)
    return str(told["etag"])


def _stage(blob: BlobClient, number: int, data: bytes) -> Any:
    from azure.storage.blob import BlobBlock

    name = base64.b64encode(f"{number:08d}".encode()).decode()
    blob.stage_block(name, data, validate_content=True)
    return BlobBlock(name)


def _pieces(source: bytes | Path) -> Any:
    if isinstance(source, bytes):
        yield from (source[i : i + BLOCK] for i in range(0, len(source), BLOCK))
        return
    with source.open("rb") as file:
        while data := file.read(BLOCK):
            yield data


def _download(blob: BlobClient) -> tuple[bytes, str]:
    stream = blob.download_blob()
    data, told = stream.readall(), stream.properties
    if len(data) != told.size:
        raise IncompleteReadError(f"{len(data)} bytes of {told.size}")
    return data, str(told.etag)


def _copy(source: BlobClient, target: BlobClient) -> None:
    status = str(target.start_copy_from_url(source.url)["copy_status"])
    give_up = time.monotonic() + _COPY_SECONDS
    while status == "pending" and time.monotonic() < give_up:
        time.sleep(0.2)
        status = str(target.get_blob_properties().copy.status)
    if status != "success":
        raise ServiceResponseError(f"the copy ended {status}")


def _parts(told: str | list[str]) -> set[str]:
    """Of a rule, whose lists the client takes as lists and gives back as texts with commas."""
    return set((told if isinstance(told, str) else ",".join(told)).split(","))
