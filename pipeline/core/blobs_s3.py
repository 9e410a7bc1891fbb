"""S3, and stores that speak it, as a place to write to. The only file that knows botocore."""

# botocore is not typed.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportMissingTypeStubs=false

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit

from pipeline.core.blobs import (
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
)

try:
    from botocore import UNSIGNED
    from botocore.config import Config
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        HTTPClientError,
        IncompleteReadError,
        NoCredentialsError,
    )
    from botocore.session import get_session
except ImportError as error:
    raise PlaceError("s3:// needs botocore: pip install 'feature-atlas[s3]'") from error

_MD5 = re.compile(r'"([0-9a-f]{32})"')
_PASSING_CODES = {"BadDigest", "RequestTimeout", "SlowDown", "ConditionalRequestConflict"}
_MISSING = {"404", "NoSuchKey"}
_CHANGED = {"412", "PreconditionFailed", "ConditionalRequestConflict"}

T = TypeVar("T")


class S3Place(Place):
    """A prefix of a bucket; versions are told apart by ETags.

    An object goes in one request, so its ETag is its MD5 unless the bucket encrypts with a key of KMS.
    """

    def __init__(self, url: str) -> None:
        """`s3://BUCKET/PREFIX`."""
        parts = urlsplit(url)
        if parts.query or parts.fragment or "@" in parts.netloc:
            raise PlaceError(
                f"s3://…{parts.path} holds more than a name: keys belong into the environment,"
                " as AWS_ACCESS_KEY_ID"
            )
        if not parts.netloc:
            raise PlaceError(f"{url} names no bucket: give s3://BUCKET/PREFIX")
        self._bucket, self._prefix = parts.netloc, parts.path.strip("/")
        self.url = f"s3://{below(self._bucket, self._prefix) if self._prefix else self._bucket}"
        self.private_advice = (
            "Let everybody read by a bucket policy that allows s3:GetObject (docs/publishing.md has one),"
            " or give who shall read it keys for the commands, of which a browser can make no use"
        )
        self.cors_advice = (
            f"aws s3api put-bucket-cors --bucket {self._bucket} --cors-configuration file://cors.json;"
            " docs/publishing.md has the file"
        )
        self._client: Any = _client()

    def list(self, prefix: str = "") -> dict[str, Entry]:
        """Asked for page by page, 1,000 objects each."""
        start = f"{self._prefix}/{prefix}" if self._prefix else prefix
        return all_pages(lambda token: self._told(lambda: self._page(start, token)))

    def read(self, name: str) -> tuple[bytes, str] | None:
        """The object and its ETag."""
        try:
            return self._try(lambda: self._download(name))
        except ClientError as error:
            if _code(error) in _MISSING:
                return None
            self._explain(error)

    def put(self, name: str, source: bytes | Path, headers: Headers) -> str:
        """In one request with its MD5; S3 takes 5 GB."""
        md5 = md5_of(source)
        self._told(lambda: self._upload(name, source, md5, headers))
        return md5.hex()

    def swap(self, name: str, data: bytes, tag: str | None, headers: Headers) -> str:
        """By If-Match, or If-None-Match: *."""
        md5, condition = md5_of(data), {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        try:
            return self._try(lambda: self._upload(name, data, md5, headers, **condition))
        except ClientError as error:
            if _code(error) in _CHANGED | _MISSING:
                return self._meanwhile(name, data)
            self._explain(error)

    def copy(self, source: str, target: str) -> bool:
        """By the store itself, which takes the headers along."""
        place = {"Bucket": self._bucket, "Key": below(self._prefix, source)}
        try:
            self._try(
                lambda: self._client.copy_object(
                    Bucket=self._bucket, Key=below(self._prefix, target), CopySource=place
                )
            )
        except ClientError as error:
            if _code(error) in _MISSING:
                return False
            self._explain(error)
        return True

    def delete(self, name: str) -> None:
        """Removes the object."""
        self._told(lambda: self._client.delete_object(Bucket=self._bucket, Key=below(self._prefix, name)))

    def public_url(self, name: str) -> str | None:
        """The object's own, without a signature."""
        asked = {"Bucket": self._bucket, "Key": below(self._prefix, name)}
        return str(_client(signature_version=UNSIGNED).generate_presigned_url("get_object", Params=asked))

    def _page(self, start: str, token: str | None) -> tuple[dict[str, Entry], str | None]:
        asked = {"ContinuationToken": token} if token else {}
        page: Any = self._client.list_objects_v2(Bucket=self._bucket, Prefix=start, **asked)
        cut = len(self._prefix) + 1 if self._prefix else 0
        found = {
            str(each["Key"])[cut:]: Entry(int(each["Size"]), partial(_md5, each["ETag"]))
            for each in page.get("Contents", [])
        }
        return found, page.get("NextContinuationToken")

    def _upload(self, name: str, source: bytes | Path, md5: bytes, headers: Headers, **condition: str) -> str:
        told: dict[str, Any] = {
            "Bucket": self._bucket,
            "Key": below(self._prefix, name),
            "ContentMD5": base64.b64encode(md5).decode(),
            "ContentType": headers.content_type,
            "CacheControl": headers.cache_control,
            **condition,
        }
        if isinstance(source, bytes):
            return str(self._client.put_object(Body=source, **told)["ETag"])
        with source.open("rb") as file:
            return str(self._client.put_object(Body=file, **told)["ETag"])

    def _download(self, name: str) -> tuple[bytes, str]:
        got = self._client.get_object(Bucket=self._bucket, Key=below(self._prefix, name))
        return got["Body"].read(), str(got["ETag"])

    def _try(self, call: Callable[[], T]) -> T:
        """What a condition or a missing object makes an error is the caller's to judge."""
        try:
            return patiently(call, _passes)
        except BotoCoreError as error:
            self._explain(error)

    def _told(self, call: Callable[[], T]) -> T:
        try:
            return self._try(call)
        except ClientError as error:
            self._explain(error)

    def _explain(self, error: Exception) -> NoReturn:
        """botocore's own text is left out: it may hold a key's name, or a signed URL."""
        if isinstance(error, NoCredentialsError):
            raise PlaceError(
                f"{self.url}: no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
            ) from None
        if not isinstance(error, ClientError):
            raise PlaceError(
                f"{self.url}: the store can't be reached ({type(error).__name__});"
                " check the network and AWS_ENDPOINT_URL, then run the same command again"
            ) from None
        status, code = _status(error), _code(error)
        if status == 403:
            refused(self.url, status, code, "check the keys of the environment, and that they may write here")
        if code == "NoSuchBucket":
            refused(self.url, status, code, f"make it: aws s3 mb s3://{self._bucket}")
        refused(self.url, status, code, "run the same command again")


def _client(**config: Any) -> Any:
    told = Config(
        retries={"total_max_attempts": 1},  # `patiently` tries again
        connect_timeout=TIMEOUTS[0],
        read_timeout=TIMEOUTS[1],
        **config,
    )
    try:
        session = get_session()
        region = session.get_config_variable("region") or "us-east-1"
        return session.create_client("s3", region_name=region, config=told)
    except (BotoCoreError, ValueError) as error:
        raise PlaceError(
            f"can't use s3://: {type(error).__name__}; check AWS_PROFILE and AWS_ENDPOINT_URL"
        ) from None


def _passes(error: Exception) -> bool:
    if isinstance(error, ClientError):
        return _status(error) in PASSING or _code(error) in _PASSING_CODES
    return isinstance(error, HTTPClientError | IncompleteReadError)


def _md5(etag: str) -> str | None:
    """None of an object that came in parts or is encrypted with a key of KMS."""
    found = _MD5.fullmatch(etag)
    return found[1] if found else None


def _status(error: Any) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
