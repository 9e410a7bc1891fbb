"""A place that files are written to: a folder of this machine, or a prefix of a blob store."""

from __future__ import annotations

import hashlib
import mimetypes
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NoReturn, TypeVar

from feature_atlas.errors import InputError
from feature_atlas.store import is_url

ATTEMPTS = 8  # of one request; the waits between them are 32 s on average, 64 s at most
FIRST_WAIT, LONGEST_WAIT = 0.5, 32.0  # seconds
PASSING = frozenset({408, 429, 500, 502, 503, 504})  # statuses of a store that may do better in a moment
THREADS = 8  # that ask at once
TIMEOUTS = 10, 60  # seconds to connect, and without a byte of an answer

FOR_EVER = "public, max-age=31536000, immutable"
EXPOSED = ("content-range", "content-length", "content-encoding")  # what pages tell trouble by
ASK_FIRST = "no-cache"  # kept, but never shown without asking whether it has changed
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".csv": "text/csv; charset=utf-8",
}


T = TypeVar("T")


class PlaceError(InputError):
    """A place that can't be used as named: not there, not allowed, not reached."""


class WrittenMeanwhile(InputError):
    """Another writer has replaced what was to be replaced."""


@dataclass(frozen=True)
class Headers:
    """What a store answers beside an object's bytes."""

    content_type: str
    cache_control: str

    @classmethod
    def of(cls, name: str, cache_control: str) -> Headers:
        """The content type by how the name ends; bytes if that tells nothing."""
        suffix = PurePosixPath(name).suffix
        known = _TYPES.get(suffix) or (mimetypes.guess_type(name)[0] if suffix else None)
        return cls(known or "application/octet-stream", cache_control)


@dataclass(frozen=True)
class Entry:
    """An object as a listing tells of it; `md5()` in hex, None where the store does not know it."""

    size: int
    md5: Callable[[], str | None]


class Place(ABC):
    """Objects by name, which are paths with "/" below the place.

    What is put is there whole or not at all. Every method may be called by several threads at once,
    tries again what may pass, and raises PlaceError with what the store said, without any key.
    """

    url: str  # without a query: fit to be shown
    private_advice: str = ""  # what a visitor needs who is refused
    cors_advice: str = ""  # how pages of other sites are let in

    @abstractmethod
    def list(self, prefix: str = "") -> dict[str, Entry]:
        """All objects whose name begins with `prefix`."""

    @abstractmethod
    def read(self, name: str) -> tuple[bytes, str] | None:
        """A small object and the tag of its version; None if there is none."""

    @abstractmethod
    def put(self, name: str, source: bytes | Path, headers: Headers) -> str:
        """Writes bytes, or the content of a file, in the place of whatever is there; gives the MD5."""

    @abstractmethod
    def swap(self, name: str, data: bytes, tag: str | None, headers: Headers) -> str:
        """Replaces a small object if its version is still `tag` (None: if there is none).

        Gives the new version's tag. Raises WrittenMeanwhile if another writer was first, unless what
        it wrote is `data`, as after a request of ours whose answer was lost.
        """

    @abstractmethod
    def copy(self, source: str, target: str) -> bool:
        """Copies within the place, headers too, without sending bytes; whether `source` was there."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Removes an object; nothing if there is none."""

    @abstractmethod
    def public_url(self, name: str) -> str | None:
        """Where anybody would read it over http; None of a folder."""

    def allow_every_origin(self) -> None:
        """Lets pages of any site read what is public there, where the store's own interface can."""
        raise PlaceError(f"--fix-cors knows Azure and Google alone; of {self.url}: docs/publishing.md")

    def _meanwhile(self, name: str, data: bytes) -> str:
        """After a refused swap: the tag of what is there if that is `data`."""
        found = self.read(name)
        if found is not None and found[0] == data:
            return found[1]
        raise WrittenMeanwhile(
            f"{self.url}/{name} was replaced by another writer meanwhile; nothing of theirs is lost."
            " Look at what is there now, then run the same command again if yours shall replace it"
        )


def open_place(url: str) -> Place:
    """The place that `url` names: a folder, az://CONTAINER/PREFIX, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX.

    Raises PlaceError if it is of another kind, or no credentials are set.
    """
    scheme = url.partition("://")[0] if is_url(url) else ""
    if scheme in ("az", "abfs", "abfss"):
        from pipeline.core.blobs_azure import AzurePlace

        return AzurePlace(url)
    if scheme == "s3":
        from pipeline.core.blobs_s3 import S3Place

        return S3Place(url)
    if scheme == "gs":
        from pipeline.core.blobs_gcs import GcsPlace

        return GcsPlace(url)
    if not scheme:
        from pipeline.core.blobs_local import LocalPlace

        return LocalPlace(Path(url))
    raise PlaceError(
        f"can't write to {scheme}://: give a folder, az://CONTAINER/PREFIX, s3://BUCKET/PREFIX or"
        " gs://BUCKET/PREFIX; docs/publishing.md tells how to bring a folder to other hosts"
    )


def patiently(call: Callable[[], T], passes: Callable[[Exception], bool]) -> T:
    """What `call` returns, tried up to ATTEMPTS times while its errors are such that may pass.

    Waits FIRST_WAIT * 2^i times a random share of it: many writers refused at once do not come back at once.
    """
    for attempt in range(ATTEMPTS - 1):
        try:
            return call()
        except Exception as error:
            if not passes(error):
                raise
        time.sleep(random.uniform(0, min(LONGEST_WAIT, FIRST_WAIT * 2**attempt)))
    return call()


def all_pages(page: Callable[[str | None], tuple[dict[str, Entry], str | None]]) -> dict[str, Entry]:
    """What a store lists page by page: `page` takes the token of one, and gives it with that of the next."""
    found, token = page(None)
    while token:
        more, token = page(token)
        found |= more
    return found


def md5_of(source: bytes | Path) -> bytes:
    """MD5, by which stores check what arrives; it guards against accidents, not against forgery."""
    if isinstance(source, bytes):
        return hashlib.md5(source, usedforsecurity=False).digest()
    with source.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).digest()


def size_of(source: bytes | Path) -> int:
    """Bytes of it."""
    return len(source) if isinstance(source, bytes) else source.stat().st_size


def below(prefix: str, name: str) -> str:
    """The key of an object: the name below the place's prefix. Raises PlaceError if it leads elsewhere."""
    if not name or any(part in ("", ".", "..") for part in name.split("/")):
        raise PlaceError(f"{name!r} is no name of a file below a place")
    return f"{prefix}/{name}" if prefix else name


def refused(place: str, status: int, code: str, remedy: str) -> NoReturn:
    """Raises PlaceError with what a store answered. Its own words are left out: they may hold keys."""
    raise PlaceError(f"{place}: the store answered {status} {code}".rstrip() + f"; {remedy}") from None
