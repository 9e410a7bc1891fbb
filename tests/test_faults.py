"""Faults at random moments: readers get one version, and the next run completes it."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.fault_readers import Reader, Version, differences, from_folder
from benchmarks.faults import HARM, measure
from feature_atlas import Label, open_atlas
from pipeline.core.blobs import ASK_FIRST, Headers, WrittenMeanwhile, open_place
from pipeline.core.publication import Publication
from pipeline.core.published import PUBLISHED
from pipeline.publish import publish
from pipeline.relabel import relabel
from tests.synthetic import Units, prose, write_atlas
from tests.test_blobs import KINDS, url_of
from viewer_builder.build import build_site

N = 20
DICTIONARY = "resid_post.0.x"


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three sites of one atlas, which differ in labels."""
    folder = tmp_path_factory.mktemp("sites")
    atlas = write_atlas(folder / "atlas", "small", prose(20), [Units(DICTIONARY, "resid_post.0", 16)])
    for name in ("a", "b", "c"):
        build_site(str(atlas), folder / name, link=None)
        relabel(open_atlas(str(atlas)), {DICTIONARY: {0: [Label(f"after {name}", "a reader")]}})
    return [folder / name for name in ("a", "b", "c")]


def test_faults_do_no_harm(tmp_path: Path) -> None:
    found = measure(tmp_path, N, seed=0).told()
    assert not any(found[harm] for harm in (*HARM, "crashed")), found
    assert found["faults"] == N and found["visits"] > N


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_that_arrives_late_changes_nothing(
    kind: str, sites: list[Path], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A publisher is taken for dead while one page is on its way; his rival is done when it arrives."""
    url = url_of(kind, request)
    monkeypatch.setattr("pipeline.publish.THREADS", 1)
    monkeypatch.setattr("pipeline.core.published.LEASE", 0.0)
    before, late, rival = (Publication.of(str(site)) for site in sites)
    publish(before, open_place(url), keep=1)
    place, held = open_place(url), list[str]()

    def holding(call: Callable[..., Any]) -> Callable[..., Any]:
        def first(name: str, *more: Any) -> Any:
            if name.endswith(".html") and not held:
                held.append(name)
                publish(rival, open_place(url), keep=1)
            return call(name, *more)

        return first

    for change in ("put", "swap"):
        monkeypatch.setattr(place, change, holding(getattr(place, change)))
    with pytest.raises(WrittenMeanwhile):
        publish(late, place, keep=1)
    assert held
    there = open_place(url)
    for name in rival.pages:
        assert (there.read(name) or (b"", ""))[0] == (sites[2] / name).read_bytes(), name


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_brought_by_other_means_keeps_its_readers(
    kind: str, sites: list[Path], request: pytest.FixtureRequest
) -> None:
    """Its run stays until the publication after the next, as that of any other."""
    place, old = open_place(url_of(kind, request)), Version.of("a", sites[0], "atlas/")
    for name in old.files:
        place.put(name, sites[0] / name, Headers.of(name, ASK_FIRST))
    run = {name for name in old.files if name.startswith(old.run)}
    publish(Publication.of(str(sites[1])), place, keep=1)
    assert run <= place.list().keys()
    publish(Publication.of(str(sites[2])), place, keep=1)
    assert not run & place.list().keys()


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda site, run: (site / "index.html").unlink(), "index.html is missing"),
        (lambda site, run: (site / "index.html").write_text("<html>"), "index.html is of no version"),
        (lambda site, run: zero(run / "corpus.zarr/tokens/c/0"), "tokens/c/0 is not that of a"),
        (lambda site, run: (run / "files.json").unlink(), "files.json of a is missing"),
        (lambda site, run: (site / "atlas/atlas.json").write_text('{"run": "x"}'), "manifest is of no"),
    ],
)
def test_readers_see_what_is_wrong(
    harm: Callable[[Path, Path], object], says: str, sites: list[Path], tmp_path: Path
) -> None:
    version, site = Version.of("a", sites[0], "atlas/"), tmp_path / "site"
    for name in version.files:
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_bytes((sites[0] / name).read_bytes())
    get, names = from_folder(site), list(version.files)
    reader = Reader(get, [version], empty=False, dice=random.Random(0))
    reader.visit()
    assert reader.read.wrong == [] and not list(differences(get, names, version, [], PUBLISHED))
    harm(site, site / version.run)
    for _ in range(30):
        reader.visit()
    assert any(says in line for line in reader.read.wrong)
    assert list(differences(get, [*names, "more"], version, [], PUBLISHED))


def zero(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))
