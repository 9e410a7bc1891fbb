"""What a reader finds at a place while a site is replaced there, and a place that is killed at a step."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import pytest

from feature_atlas import open_atlas
from feature_atlas.labels import Label
from pipeline.core.blobs import Entry, Headers, Place
from pipeline.core.publication import Publication
from pipeline.publish import publish
from pipeline.relabel import relabel
from tests.synthetic import Units, prose, write_atlas
from viewer_builder.build import build_site

DICTIONARY = "resid_post.0.x"
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


def write_sites(folder: Path) -> tuple[Path, Path]:
    """The site of a small atlas, and that of the same with a label more in one dictionary."""
    units = [Units(DICTIONARY, "resid_post.0", 16), Units("mlp_post.0", "mlp_post.0", 16, two_signed=True)]
    atlas = write_atlas(folder / "atlas", "A small atlas", prose(20), units)
    build_site(str(atlas), folder / "a", link=None)
    assert relabel(open_atlas(str(atlas)), {DICTIONARY: {0: [Label("a new label", "me")]}}) == 1
    build_site(str(atlas), folder / "b", link=None)
    return folder / "a", folder / "b"


def run_of(site: Path) -> str:
    """The name of its run."""
    return json.loads((site / "atlas/atlas.json").read_text())["run"]


def frozen(site: Path) -> set[str]:
    """The files of a site that never change."""
    found = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    return {name for name in found if not name.endswith(".html") and name != "atlas/atlas.json"}


def put(site: Path, place: Place, keep: int = 1, dry_run: bool = False) -> Watched:
    """Publishes; gives what was called for it."""
    watched = place if isinstance(place, Watched) else Watched(place)
    publish(Publication.of(str(site)), watched, keep=keep, dry_run=dry_run)
    return watched


@pytest.fixture(scope="session")
def sites(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Of an atlas, and of the same with one dictionary changed."""
    return write_sites(tmp_path_factory.mktemp("sites"))


@pytest.fixture
def url(kind: str, request: pytest.FixtureRequest) -> str:
    """Of an empty place of the kind that `at` tells."""
    from tests.test_blobs import url_of  # which as a test is to be rewritten before it is imported

    return url_of(kind, request)


def at(*kinds: str) -> pytest.MarkDecorator:
    """Runs a test at places of these kinds; tests/test_blobs.py says that all behave alike."""
    return pytest.mark.parametrize("kind", kinds)
