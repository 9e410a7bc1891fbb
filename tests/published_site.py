"""What a reader finds at a place while a site is replaced there, and a place that is killed at a step."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from pipeline.core.blobs import Entry, Headers, Place

CHANGES = ("put", "copy", "swap", "delete")


class Killed(BaseException):
    """The publisher's end: nothing of his runs any more."""


class Watched(Place):
    """A place whose calls are told, and which is cut off at one change, before or after the store obeys."""

    def __init__(self, place: Place, stop: int | None = None, after: bool = False) -> None:
        self.url = place.url
        self.calls: list[tuple[str, str]] = []
        self.before_call: Callable[[str, str], None] = lambda call, name: None
        self._place, self._stop, self._after, self._n, self._one = place, stop, after, 0, Lock()

    def list(self, prefix: str = "") -> dict[str, Entry]:
        return self._told("list", prefix)

    def read(self, name: str) -> tuple[bytes, str] | None:
        return self._told("read", name)

    def put(self, name: str, source: bytes | Path, headers: Headers) -> str:
        return self._told("put", name, source, headers)

    def swap(self, name: str, data: bytes, tag: str | None, headers: Headers) -> str:
        return self._told("swap", name, data, tag, headers)

    def copy(self, source: str, target: str) -> bool:
        return self._told("copy", source, target)

    def delete(self, name: str) -> None:
        self._told("delete", name)

    def public_url(self, name: str) -> str | None:
        return self._place.public_url(name)

    def _told(self, call: str, name: str, *more: Any) -> Any:
        self.before_call(call, name)
        with self._one:
            self.calls.append((call, name))
            self._n += call in CHANGES
            over = self._stop is not None and self._n >= self._stop and call in CHANGES
            last = over and self._n == self._stop
        if over and not (last and self._after):
            raise Killed
        result = getattr(self._place, call)(name, *more)
        if over:
            raise Killed
        return result

    def changes(self, *kinds: str) -> Sequence[str]:
        """Names of what was changed."""
        return [name for call, name in self.calls if call in (kinds or CHANGES)]


def check_reader(place: Place, *sites: Path) -> Path:
    """That all a reader can come across is whole and of one of the sites; gives the one that is current."""
    there = place.read("atlas/atlas.json")
    assert there is not None
    current = [site for site in sites if (site / "atlas/atlas.json").read_bytes() == there[0]]
    assert len(current) == 1, "the manifest is of neither"
    _check_run(place, json.loads(there[0])["run"])
    for name in {page.relative_to(site).as_posix() for site in sites for page in site.rglob("*.html")}:
        found = place.read(name)
        if found is not None:
            _check_page(place, name, found[0], sites)
    return current[0]


def check_same(place: Place, site: Path, others: set[str]) -> None:
    """That a place holds exactly what a site does, and `others`."""
    names = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    listed = place.list()
    assert listed.keys() - {"published.json"} == names | others
    for name in names:
        assert listed[name].md5() == hashlib.md5((site / name).read_bytes()).hexdigest(), name
    assert json.loads((place.read("published.json") or (b"", ""))[0])["finished"] is True


def _check_run(place: Place, run: str) -> None:
    told = place.read(f"atlas/runs/{run}/files.json")
    assert told is not None, f"run {run} is gone"
    for name, (_, sha) in json.loads(told[0]).items():
        found = place.read(f"atlas/runs/{run}/{name}")
        assert found is not None and hashlib.sha256(found[0]).hexdigest() == sha, name


def _check_page(place: Place, name: str, data: bytes, sites: tuple[Path, ...]) -> None:
    """It is of one site, whole, and what it is pinned to is there: manifest, run, scripts."""
    assert any((site / name).is_file() and (site / name).read_bytes() == data for site in sites), name
    html = data.decode()
    config = json.loads(re.findall(r'id="site">(.*?)</script>', html)[0])
    manifest = place.read(f"atlas/{config['manifest']}")
    assert manifest is not None, name
    assert place.read(f"atlas/runs/{json.loads(manifest[0])['run']}/files.json") is not None, name
    assets = re.findall(r'"(?:\.\./)*(assets/[^"]+)"', html)
    assert assets
    for each in assets:
        assert place.read(each) is not None, each
