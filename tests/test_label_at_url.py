"""`atlas label` at a URL: the run that a folder would have, of which only what changed is sent."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from feature_atlas import Label, open_atlas
from feature_atlas.errors import FormatError, InputError
from feature_atlas.verify import verify
from pipeline import relabel_at_url
from pipeline.build import build
from pipeline.core.blobs import Headers, Place, WrittenMeanwhile, open_place
from pipeline.core.params import Params
from pipeline.core.publication import Publication
from pipeline.core.runs import read_list
from pipeline.publish import publish
from pipeline.relabel import relabel
from tests.built_there import build_there
from tests.emulators.stores import Store
from tests.published_site import CHANGES, Killed, Watched
from tests.synthetic import Units, prose, write_atlas

MINE = {"resid_post.0.x": {3: [Label("herons", "me", 0.5)]}, "mlp_post.0": {7: [Label("ferries", "me")]}}
YOURS = {"resid_post.0.x": {3: [Label("grey water", "you", 0.25)]}}
PLAIN = Headers("application/octet-stream", "no-cache")


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two dictionaries."""
    units = [Units("resid_post.0.x", "resid_post.0", 16), Units("mlp_post.0", "mlp_post.0", 16)]
    return write_atlas(tmp_path_factory.mktemp("labels") / "atlas", "A small atlas", prose(20), units)


def published(atlas: Path, store: Store) -> str:
    publish(Publication.of(str(atlas)), open_place(f"{store.url}/labs/atlas"), keep=0)
    return f"{store.url}/labs/atlas"


@pytest.fixture
def url(azurite: Store, atlas: Path) -> str:
    """Of that atlas, published."""
    return published(atlas, azurite)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Watched]:
    """What labelling asks of the place from now on."""

    def of(url: str) -> Watched:
        watched = Watched(open_place(url))
        monkeypatch.setattr(relabel_at_url, "open_place", lambda _: watched)
        return watched

    return of


def label(url: str, brought: Mapping[str, Mapping[int, list[Label]]]) -> int:
    return relabel(open_atlas(url), brought)


def said(url: str, address: str = "resid_post.0.x/3") -> list[str]:
    return [each.text for each in open_atlas(url).at(address).labels]  # type: ignore[union-attr]


def told_of(place: Place, name: str) -> dict[str, object]:
    found = place.read(name)
    assert found is not None
    return json.loads(found[0])


@pytest.mark.parametrize("kind", ["azurite", "s3", "gcs"])
def test_the_run_is_that_of_a_folder_and_little_is_sent(
    kind: str,
    request: pytest.FixtureRequest,
    atlas: Path,
    tmp_path: Path,
    watch: Callable[[str], Watched],
) -> None:
    url = published(atlas, request.getfixturevalue(kind))
    old = open_atlas(url).manifest
    here = shutil.copytree(atlas, tmp_path / "atlas")
    assert label(str(here), MINE) == 2
    watched = watch(url)
    assert label(url, MINE) == 2
    new = open_atlas(url)
    assert not list(verify(new))
    assert (new.manifest.run, new.manifest.labelled_from) == (open_atlas(str(here)).manifest.run, old.run)
    assert said(url) == ["herons"] and said(url, "mlp_post.0/7") == ["ferries"]
    assert new.search("herons").to_json() == open_atlas(str(here)).search("herons").to_json()
    before, after = (read_list(each / open_atlas(str(each)).manifest.run_path) for each in (atlas, here))
    assert told_of(open_place(url), f"{new.manifest.run_path}/files.json") == {
        name: list(told) for name, told in after.items()
    }
    changed = {name for name, told in after.items() if before.get(name) != told}
    assert set(watched.changes("put")) == {f"{new.manifest.run_path}/{n}" for n in (*changed, "files.json")}
    assert len(watched.changes("copy")) == len(after) - len(changed) > 2 * len(changed)
    assert open_place(url).read(f"{old.run_path}/files.json"), "whoever reads the run before goes on"


def test_nothing_new_and_then_more(url: str, watch: Callable[[str], Watched]) -> None:
    first = open_atlas(url).manifest
    label(url, MINE)
    watched = watch(url)
    assert label(url, MINE) == 0
    assert watched.changes() == []
    assert label(url, YOURS) == 1
    assert said(url) == ["herons", "grey water"]
    opened = open_atlas(url)
    assert opened.manifest.labelled_from == first.run and not list(verify(opened))
    assert not open_place(url).list(first.run_path), "one earlier run is kept"


def test_of_two_who_label_the_second_is_refused(url: str, watch: Callable[[str], Watched]) -> None:
    """Whether the first was done when the second began, or came between."""
    both = open_atlas(url), open_atlas(url)
    relabel(both[0], MINE)
    with pytest.raises(InputError, match="was changed meanwhile"):
        relabel(both[1], YOURS)
    for n_looks, text in ((2, "early"), (3, "late")):  # before all is sent, or after
        came_between(watch(url), n_looks, text, watch)
        with pytest.raises(WrittenMeanwhile, match="run the same command again"):
            label(url, YOURS)
        assert said(url, "resid_post.0.x/4") == [text] and "grey water" not in said(url)
    label(url, YOURS)
    assert (said(url), said(url, "resid_post.0.x/4")) == (["herons", "grey water"], ["late"])
    assert not list(verify(open_atlas(url)))


def came_between(place: Watched, n_looks: int, text: str, watch: Callable[[str], Watched]) -> None:
    """Lets somebody label when `published.json` is read or swapped for the n-th time."""
    looks: list[str] = []

    def meanwhile(call: str, name: str) -> None:
        looks.extend([call] if name == "published.json" else [])
        if len(looks) == n_looks and place.before_call == meanwhile:
            place.before_call = lambda *_: None
            watch(place.url)
            label(place.url, {"resid_post.0.x": {4: [Label(text, "they")]}})

    place.before_call = meanwhile


@pytest.mark.parametrize(
    ("call", "after"), [("put", True), ("published.json", True), ("atlas.json", False), ("atlas.json", True)]
)
def test_killed_it_is_the_old_or_the_new(
    call: str, after: bool, url: str, watch: Callable[[str], Watched]
) -> None:
    watched, armed = watch(url), list[str]()

    def kill(told: str, name: str) -> None:
        """Before what it is to be killed at, or before what comes after that."""
        here = told in CHANGES and call in (told, name)
        if armed or (here and not after):
            raise Killed
        armed.extend([name] if here else [])

    watched.before_call = kill
    with pytest.raises(Killed):
        label(url, MINE)
    assert not list(verify(open_atlas(url)))
    assert said(url) == (["herons"] if call == "atlas.json" and after else [])
    watch(url)
    label(url, MINE)
    opened, place = open_atlas(url), open_place(url)
    assert not list(verify(opened)) and said(url) == ["herons"]
    assert told_of(place, "published.json")["finished"] is True


def test_a_build_of_the_same_leaves_them(
    azurite: Store, latents_params: Params, latents_atlas: Path, tmp_path: Path
) -> None:
    url = build_there(latents_params, latents_atlas, f"{azurite.url}/labs/atlas", tmp_path)
    label(url, {"one-sae": {3: [Label("herons", "me")]}})
    labelled = open_place(url).read("atlas.json")
    build(latents_params, url, tmp_path)
    assert open_place(url).read("atlas.json") == labelled and said(url, "one-sae/3") == ["herons"]


def test_what_was_copied_there_by_hand_is_refused(azurite: Store, atlas: Path) -> None:
    place = open_place(f"{azurite.url}/copied")
    for path in (each for each in atlas.rglob("*") if each.is_file()):
        place.put(path.relative_to(atlas).as_posix(), path, PLAIN)
    before = {name: entry.md5() for name, entry in place.list().items()}
    with pytest.raises(InputError, match="was not built or published there"):
        label(place.url, MINE)
    assert {name: entry.md5() for name, entry in place.list().items()} == before


def test_earlier_runs_stay_as_many_as_they_were(url: str, watch: Callable[[str], Watched]) -> None:
    """Though one who labelled was killed."""
    place = open_place(url)
    for number in range(3):
        watched = watch(url)
        if number == 1:
            watched.before_call = lambda call, name: kill_at_switch(call, name)
            with pytest.raises(Killed):
                label(url, labels_of(number))
            watch(url)
        label(url, labels_of(number))
        assert len(told_of(place, "published.json")["kept"]) == 1  # type: ignore[arg-type]


def kill_at_switch(call: str, name: str) -> None:
    if (call, name) == ("swap", "atlas.json"):
        raise Killed


def labels_of(number: int) -> dict[str, dict[int, list[Label]]]:
    return {"resid_post.0.x": {number: [Label(f"text {number}", "me")]}}


@pytest.mark.parametrize("how", ["changed", "cut short", "lost"])
def test_damage_is_not_signed_anew(how: str, url: str, watch: Callable[[str], Watched]) -> None:
    """Whether the file would be brought, or copied there: nothing is sent before it is repaired."""
    place, run = open_place(url), open_atlas(url).manifest.run_path
    part = "stats/firings/c/0" if how == "changed" else "examples/acts/c/0/0/0"
    name = f"{run}/dictionaries/resid_post.0.x.zarr/{part}"
    size = place.list(run)[name].size
    if how == "lost":
        place.delete(name)
    else:
        place.put(name, bytes(size if how == "changed" else size - 1), PLAIN)
    watched = watch(url)
    with pytest.raises(FormatError, match=f"{name} is missing or damaged; run: atlas repair {url}"):
        label(url, MINE)
    assert watched.changes() == []
