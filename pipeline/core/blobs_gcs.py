"""Google Cloud Storage as a place to write to. The only file that knows Google's client."""

# The client is only partly typed: what it returns is given its type here, once.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportMissingTypeStubs=false

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit

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

try:
    from google.api_core.exceptions import GoogleAPICallError, NotFound, PreconditionFailed
    from google.auth.exceptions import GoogleAuthError, TransportError
    from google.cloud.storage import Blob, Client
    from google.cloud.storage.exceptions import DataCorruption
    from requests import RequestException
    from requests.exceptions import ChunkedEncodingError, ContentDecodingError, Timeout
    from requests.exceptions import ConnectionError as ConnectionBroken
except ImportError as error:
    raise PlaceError("gs:// needs Google's client: pip install 'feature-atlas[gs]'") from error

PART = 16 << 20  # bytes of one request of a larger file, held in memory; the client's own are 100 MiB
_CORS: dict[str, Any] = {
    "origin": ["*"],
    "method": ["GET", "HEAD"],
    "responseHeader": ["range", *EXPOSED],  # those that may be asked with, and those that pages are told
    "maxAgeSeconds": 86_400,
}
_ASKED: Any = {"timeout": TIMEOUTS, "retry": None}  # `patiently` tries again
_LOGIN = "gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS"

T = TypeVar("T")


class GcsPlace(Place):
    """A prefix of a bucket; versions are told apart by generations."""

    def __init__(self, url: str) -> None:
        """`gs://BUCKET/PREFIX`."""
        parts = urlsplit(url)
        if parts.query or parts.fragment or "@" in parts.netloc:
            raise PlaceError(
                f"gs://…{parts.path} holds more than a name: keys belong into the environment,"
                " as GOOGLE_APPLICATION_CREDENTIALS"
            )
        if not parts.netloc:
            raise PlaceError(f"{url} names no bucket: give gs://BUCKET/PREFIX")
        bucket, self._prefix = parts.netloc, parts.path.strip("/")
        self.url = f"gs://{below(bucket, self._prefix) if self._prefix else bucket}"
        self.private_advice = (
            f"Let everybody read: gcloud storage buckets add-iam-policy-binding gs://{bucket}"
            " --member=allUsers --role=roles/storage.legacyObjectReader; or give who shall read it a login"
            " for the commands, of which a browser can make no use"
        )
        self.cors_advice = (
            f"Run again with --fix-cors, or: gcloud storage buckets update gs://{bucket}"
            " --cors-file=cors.json; docs/publishing.md has the file"
        )
        self._client = _client()
        self._bucket = self._client.bucket(bucket)

    def list(self, prefix: str = "") -> dict[str, Entry]:
        """Asked for page by page, 1,000 objects each."""
        start = f"{self._prefix}/{prefix}" if self._prefix else prefix
        return all_pages(lambda token: self._told(lambda: self._page(start, token)))

    def read(self, name: str) -> tuple[bytes, str] | None:
        """The object and its generation; the store's checksum must be that of what came."""
        try:
            return self._try(lambda: _download(self._blob(name)))
        except NotFound:
            return None

    def put(self, name: str, source: bytes | Path, headers: Headers) -> str:
        """With its MD5, which Google checks; in one request, or above 8 MiB in parts of one upload."""
        md5 = md5_of(source)
        self._told(lambda: self._upload(name, source, md5, headers))
        return md5.hex()

    def swap(self, name: str, data: bytes, tag: str | None, headers: Headers) -> str:
        """By ifGenerationMatch, which is 0 where there must be none."""
        md5, condition = md5_of(data), {"if_generation_match": int(tag or 0)}
        try:
            return self._try(lambda: self._upload(name, data, md5, headers, **condition))
        except PreconditionFailed:
            return self._meanwhile(name, data)
        except NotFound as error:
            self._explain(error)

    def copy(self, source: str, target: str) -> bool:
        """By the store itself, of the generation that was asked for its headers."""
        found: Any = self._told(lambda: self._bucket.get_blob(below(self._prefix, source), **_ASKED))
        if found is None:
            return False
        try:
            self._try(lambda: _rewrite(found, self._blob(target)))
        except NotFound:
            return False
        return True

    def delete(self, name: str) -> None:
        """Removes the object."""
        try:
            self._try(lambda: self._blob(name).delete(**_ASKED))
        except NotFound:
            return

    def public_url(self, name: str) -> str | None:
        """The object's own, without a signature."""
        return str(self._blob(name).public_url)

    def allow_every_origin(self) -> None:
        """Puts a rule before those of the bucket, of which the first counts that fits origin and method."""
        bucket: Any = self._told(lambda: self._client.get_bucket(self._bucket.name, **_ASKED))
        rules = list(bucket.cors)
        if rules and _lets_all_in(rules[0]):
            return
        bucket.cors = [_CORS, *rules]
        known = bucket.metageneration  # another's rule of meanwhile is not overwritten
        self._told(lambda: bucket.patch(if_metageneration_match=known, **_ASKED))

    def _blob(self, name: str) -> Blob:
        return self._bucket.blob(below(self._prefix, name))

    def _page(self, start: str, token: str | None) -> tuple[dict[str, Entry], str | None]:
        fields = "items(name,size,md5Hash),nextPageToken"
        listed = self._client.list_blobs(
            self._bucket, prefix=start, page_token=token, fields=fields, **_ASKED
        )
        cut = len(self._prefix) + 1 if self._prefix else 0
        page: Any = next(listed.pages)
        found = {str(each.name)[cut:]: Entry(int(each.size), partial(_hex, each.md5_hash)) for each in page}
        return found, listed.next_page_token

    def _upload(self, name: str, source: bytes | Path, md5: bytes, headers: Headers, **condition: int) -> str:
        """Gives the new version's generation."""
        blob: Any = self._blob(name)
        blob.chunk_size = PART
        blob.cache_control = headers.cache_control
        blob.md5_hash = base64.b64encode(md5).decode()
        with BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
            blob.upload_from_file(
                file,
                size=size_of(source),
                content_type=headers.content_type,
                checksum=None,  # of the client's making, which would take the place of ours
                **condition,
                **_ASKED,
            )
        return str(blob.generation)

    def _try(self, call: Callable[[], T]) -> T:
        """What a condition or a missing object makes an error is the caller's to judge."""
        try:
            return patiently(call, _passes)
        except (NotFound, PreconditionFailed):
            raise
        except (GoogleAPICallError, GoogleAuthError, DataCorruption, RequestException) as error:
            self._explain(error)

    def _told(self, call: Callable[[], T]) -> T:
        try:
            return self._try(call)
        except (NotFound, PreconditionFailed) as error:
            self._explain(error)

    def _explain(self, error: Exception) -> NoReturn:
        """The client's own text is left out: it holds what was asked, and of logins what their host said."""
        if isinstance(error, GoogleAuthError) and not isinstance(error, TransportError):
            raise PlaceError(f"{self.url}: the login is refused ({type(error).__name__}): {_LOGIN}") from None
        if not isinstance(error, GoogleAPICallError):
            raise PlaceError(
                f"{self.url}: the store can't be reached ({type(error).__name__});"
                " check the network, and STORAGE_EMULATOR_HOST if it is set, then run the same command again"
            ) from None
        status = int(error.code or 0)
        if status in (401, 403):
            refused(self.url, status, _code(error), f"check that the login may write here: {_LOGIN}")
        if status == 404:
            make = f"make it: gcloud storage buckets create gs://{self._bucket.name}"
            refused(self.url, status, _code(error), make)
        refused(self.url, status, _code(error), "run the same command again")


def _client() -> Client:
    """By Google's own chain: the environment, gcloud's login, the machine's; an emulator asks for none."""
    try:
        return Client(project=None)
    except (GoogleAuthError, ValueError):
        file = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
        told = f"{file} of GOOGLE_APPLICATION_CREDENTIALS is no login" if file else "gs:// finds no login"
        raise PlaceError(f"{told} at Google: {_LOGIN}") from None


def _passes(error: Exception) -> bool:
    if isinstance(error, GoogleAPICallError):
        return error.code in PASSING or (error.code == 400 and "MD5" in str(error.message))
    if isinstance(error, GoogleAuthError):
        return isinstance(error, TransportError) or error.retryable
    broken = ConnectionBroken | Timeout | ChunkedEncodingError | ContentDecodingError
    return isinstance(error, DataCorruption | broken)


def _lets_all_in(rule: Any) -> bool:
    told = {each.lower() for each in rule.get("responseHeader", ())}
    methods = {*_CORS["method"]} <= {*rule.get("method", ())}
    return "*" in rule.get("origin", ()) and methods and {*_CORS["responseHeader"]} <= told


def _code(error: GoogleAPICallError) -> str:
    return str(next((each.get("reason", "") for each in error.errors), ""))


def _hex(md5: str | None) -> str | None:
    """None of an object that was composed of others."""
    return base64.b64decode(md5).hex() if md5 else None


def _download(blob: Blob) -> tuple[bytes, str]:
    return blob.download_as_bytes(**_ASKED), str(blob.generation)


def _rewrite(source: Blob, target: Blob) -> None:
    """With its headers told: where a request tells of some, Google takes none along."""
    target.content_type, target.cache_control = source.content_type, source.cache_control
    token: str | None = None
    while True:
        token, _, _ = target.rewrite(source, token=token, **_ASKED)
        if token is None:
            return
