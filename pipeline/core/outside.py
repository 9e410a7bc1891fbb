"""What a place answers to anybody on the web, against what pages need of it."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from http.client import HTTPException
from urllib.error import HTTPError

from pipeline.core.blobs import EXPOSED, TIMEOUTS, Headers, Place, PlaceError, patiently
from pipeline.core.publication import Publication

SOMEWHERE = "https://somewhere.example"  # the origin of another's page
SPAN = 64  # bytes of the range that is tried
_PRIVATE = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}


@dataclass(frozen=True)
class Answer:
    """Of a web server."""

    status: int
    headers: Message
    body: bytes


def is_private(place: Place, publication: Publication) -> bool:
    """Whether a visitor without keys is refused what was published there."""
    return _ask(_url(place, _first(publication))).status in _PRIVATE


def wrong_outside(place: Place, publication: Publication) -> Iterator[str]:
    """What does not hold, one line each, with what to set."""
    yield from _wrong_file(place, publication, _first(publication))
    scripts = [name for files in publication.folders.values() for name in files if name.endswith(".js")]
    if scripts:
        yield from _wrong_file(place, publication, scripts[0])
    if publication.sample is not None:
        yield from _wrong_range(place, publication, publication.sample)
        yield from _wrong_cors(place, publication.sample)


def _wrong_file(place: Place, publication: Publication, name: str) -> Iterator[str]:
    url, wanted = _url(place, name), Headers.of(name, "").content_type
    answer = _ask(url)
    if answer.status != HTTPStatus.OK:
        yield f"{url} answers {answer.status}, not 200: the host must serve every file of the folder"
        return
    if answer.body != (publication.root / name).read_bytes():
        yield f"{url} is not the file that was sent: what stands between (a CDN?) must ask the store again"
    told = answer.headers.get("Content-Type", "none")
    if told.partition(";")[0].strip() != wanted.partition(";")[0]:
        yield f"{url} has the Content-Type {told}: the host must say {wanted}"


def _wrong_range(place: Place, publication: Publication, name: str) -> Iterator[str]:
    url, data = _url(place, name), (publication.root / name).read_bytes()
    start = len(data) // 3
    span = data[start : start + SPAN]
    answer = _ask(url, {"Range": f"bytes={start}-{start + len(span) - 1}", "Accept-Encoding": "gzip"})
    if answer.status != HTTPStatus.PARTIAL_CONTENT:
        yield f"{url} answers a byte range with {answer.status}, not 206: the host must serve byte ranges"
        return
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        yield (
            f"{url} comes packed ({answer.headers['Content-Encoding']}): switch compression off for the"
            " folder of the atlas, whose chunks are packed already"
        )
        return
    if answer.body != span:
        yield f"{url}: a byte range holds other bytes than were sent: what stands between must pass ranges on"
    told, wanted = answer.headers.get("Content-Range"), f"bytes {start}-{start + len(span) - 1}/{len(data)}"
    if told != wanted:
        yield f"{url} tells the Content-Range {told}, not {wanted}: the host must say which bytes it sends"


def _wrong_cors(place: Place, name: str) -> Iterator[str]:
    url = _url(place, name)
    told = _ask(url, {"Origin": SOMEWHERE, "Range": "bytes=0-0"}).headers
    asked = {"Origin": SOMEWHERE, "Access-Control-Request-Method": "GET"}
    preflight = _ask(url, asked | {"Access-Control-Request-Headers": "range"}, "OPTIONS")
    missing: list[str] = []
    if told.get("Access-Control-Allow-Origin") not in ("*", SOMEWHERE):
        missing.append("Access-Control-Allow-Origin: *")
    exposed = _listed(told, "Access-Control-Expose-Headers")
    if "*" not in exposed and not exposed.issuperset(EXPOSED):
        missing.append(f"Access-Control-Expose-Headers: {', '.join(EXPOSED)}")
    allowed = _listed(preflight.headers, "Access-Control-Allow-Headers")
    if preflight.status not in (HTTPStatus.OK, HTTPStatus.NO_CONTENT) or not allowed & {"*", "range"}:
        missing.append("Access-Control-Allow-Headers: Range, to OPTIONS")
    if missing:
        yield (
            f"pages of other sites can't read {url}: the host does not answer {'; '.join(missing)}."
            f" {place.cors_advice}"
        )


def _listed(headers: Message, name: str) -> set[str]:
    return {each.strip().lower() for each in headers.get(name, "").split(",")}


def _first(publication: Publication) -> str:
    return "index.html" if publication.kind == "site" else str(publication.manifest)


def _url(place: Place, name: str) -> str:
    url = place.public_url(name)
    if url is None:
        raise AssertionError(f"{place.url} is no place on the web")
    return url


def _ask(url: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> Answer:
    """Raises PlaceError if the host can't be reached."""

    def ask() -> Answer:
        request = urllib.request.Request(url, headers=dict(headers or {}), method=method)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUTS[1]) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except HTTPError as error:
            if error.code >= HTTPStatus.INTERNAL_SERVER_ERROR or error.code == HTTPStatus.TOO_MANY_REQUESTS:
                raise
            return Answer(error.code, error.headers, error.read())

    try:
        return patiently(ask, lambda error: isinstance(error, OSError | HTTPException))
    except (OSError, HTTPException) as error:
        raise PlaceError(
            f"{url}: can't be read from outside ({type(error).__name__}); what was published is there"
        ) from error
