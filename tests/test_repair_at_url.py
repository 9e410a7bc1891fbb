"""`atlas repair` at a URL: what is damaged there is put anew, by another machine, and nothing else.

Another machine is an empty folder to work in.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from feature_atlas import open_atlas
from feature_atlas.errors import FormatError, InputError
from feature_atlas.verify import verify
from pipeline import repair as repairing
from pipeline.build import build
from pipeline.cli import app
from pipeline.core.blobs import Headers, Place, open_place
from pipeline.core.in_step import InStep
from pipeline.core.params import Params, save_params
from pipeline.core.publication import Publication
from pipeline.publish import publish
from pipeline.repair import repair
from tests.built_there import build_there
from tests.emulators.stores import Store
from tests.published_site import Killed, Watched

PLAIN = Headers("application/octet-stream", "no-cache")
ACTS = "dictionaries/one-sae.zarr/examples/acts/c/0/0/0"
SEARCH = "search.zarr/postings/c/0/0"


@pytest.fixture
def url(azurite: Store, latents_params: Params, latents_atlas: Path, tmp_path: Path) -> str:
    """Of an atlas of few files, built there."""
    return build_there(latents_params, latents_atlas, f"{azurite.url}/labs/atlas", tmp_path / "builder")


@pytest.fixture
def config(latents_params: Params, tmp_path: Path) -> Path:
    """What it was built from."""
    save_params(tmp_path / "params.yaml", latents_params)
    return tmp_path / "params.yaml"


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Watched]:
    """What repairs ask of the place from now on; the store may cut them off."""

    def of(place: Place, stop: int | None = None) -> Watched:
        watched = Watched(place, stop)
        monkeypatch.setattr(repairing, "open_place", lambda _: watched)
        return watched

    return of


def change(place: Place, name: str) -> None:
    found = place.read(name)
    assert found is not None
    data = bytearray(found[0])
    data[len(data) // 2] ^= 1
    place.put(name, bytes(data), PLAIN)


def cut_short(place: Place, name: str) -> None:
    found = place.read(name)
    assert found is not None
    place.put(name, found[0][:-1], PLAIN)


def run_of(url: str) -> str:
    return open_atlas(url).manifest.run_path


def wrong(url: str) -> list[str]:
    return list(verify(open_atlas(url)))


@pytest.mark.parametrize("kind", ["azurite", "s3", "gcs"])
def test_damaged_missing_and_left_over(
    kind: str,
    request: pytest.FixtureRequest,
    latents_params: Params,
    latents_atlas: Path,
    config: Path,
    tmp_path: Path,
    watch: Callable[..., Watched],
) -> None:
    store: Store = request.getfixturevalue(kind)
    url = build_there(latents_params, latents_atlas, f"{store.url}/labs/atlas", tmp_path / "builder")
    place, run = open_place(url), run_of(url)
    lost, other, left_over = f"{run}/tokens.zarr/count/c/0", f"{run}/{ACTS}", f"{run}/.files.json.partial"
    change(place, other)
    cut_short(place, f"{run}/tokenizer/tokenizer.json")
    place.delete(lost)
    place.put(left_over, b"half", PLAIN)
    watched = watch(place)
    assert repair(url, config, tmp_path / "another") == []
    assert sorted(watched.changes()) == sorted([lost, other, left_over, f"{run}/tokenizer/tokenizer.json"])
    assert watched.changes("delete") == [left_over]
    assert wrong(url) == []
    assert not (tmp_path / "another" / "atlas.work" / "repair").exists()
    again = watch(place)
    assert repair(url, None, tmp_path / "third") == [], "nothing is wrong: no work is needed, nor parameters"
    assert again.changes() == [] and not list((tmp_path / "third").rglob("*.json"))


def test_the_search_index_is_made_of_what_is_there(
    url: str, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, brought = open_place(url), []
    cut_short(place, f"{run_of(url)}/{SEARCH}")
    fetch = repairing._bring
    monkeypatch.setattr(repairing, "_bring", lambda *told: (brought.append(told[0]), fetch(*told)))
    assert repair(url, config, tmp_path / "another") == []
    assert wrong(url) == []
    listed = json.loads((place.read(f"{run_of(url)}/files.json") or (b"", ""))[0])
    assert brought and len(brought) < len(listed) / 3


def test_what_this_machine_has_a_copy_of(
    azurite: Store, latents_atlas: Path, tmp_path: Path, watch: Callable[..., Watched]
) -> None:
    """An atlas that was published from a folder: no work is there, and none is needed."""
    shutil.copytree(latents_atlas, tmp_path / "my" / "atlas")
    url = f"{azurite.url}/world/atlas"
    place = open_place(url)
    publish(Publication.of(str(tmp_path / "my" / "atlas")), place, keep=0)
    damaged = [f"{run_of(url)}/{name}" for name in (ACTS, SEARCH)]
    for name in damaged:
        change(place, name)
    watched = watch(place)
    assert repair(f"{url}/", None, tmp_path / "my") == []
    assert sorted(watched.changes()) == sorted(damaged)
    assert wrong(url) == []


def test_other_bytes_replace_nothing(url: str, config: Path, tmp_path: Path) -> None:
    """The scan's outcome was touched: what it makes now is not what is listed."""
    work = tmp_path / "builder" / "atlas.work"
    shutil.copyfile(work / "scan" / "one-sae.npz", work / "scan" / "other-sae.npz")
    both = InStep(f"{url}.work", work)
    both.bring()
    both.put()
    place, name = open_place(url), f"{run_of(url)}/dictionaries/other-sae.zarr/examples/acts/c/0/0/0"
    change(place, name)
    cut_short(place, f"{run_of(url)}/{ACTS}")
    before = place.read(name)
    told = CliRunner().invoke(
        app, ["repair", url, "--config", str(config), "--work", str(tmp_path / "another")]
    )
    assert isinstance(told.exception, InputError) and "1 files can't be repaired" in str(told.exception)
    assert place.read(name) == before
    (line,) = wrong(url)
    assert name in line


def test_killed_in_the_middle(url: str, config: Path, tmp_path: Path, watch: Callable[..., Watched]) -> None:
    place, run = open_place(url), run_of(url)
    names = [f"{run}/{name}" for name in (ACTS, SEARCH, "tokens.zarr/count/c/0")]
    for name in names:
        change(place, name)
    before = {name: entry.md5() for name, entry in place.list().items()}
    watch(place, stop=2)
    with pytest.raises(Killed):
        repair(url, config, tmp_path / "another")
    after = {name: entry.md5() for name, entry in place.list().items()}
    (mended,) = (name for name in after if after[name] != before.get(name))
    assert mended in names
    watch(place)
    assert repair(url, config, tmp_path / "another") == []
    assert wrong(url) == []


def test_an_atlas_that_was_replaced_meanwhile_is_left_alone(
    url: str, config: Path, tmp_path: Path, watch: Callable[..., Watched]
) -> None:
    place = open_place(url)
    change(place, f"{run_of(url)}/{ACTS}")
    watched, there = watch(place), place.read("atlas.json")
    assert there is not None
    other = json.dumps(json.loads(there[0]) | {"run": "0" * 16}).encode()

    def replace(call: str, name: str) -> None:
        if (call, name) == ("read", "atlas.json"):
            place.put("atlas.json", other, PLAIN)

    watched.before_call = replace
    with pytest.raises(InputError, match="was changed meanwhile"):
        repair(url, config, tmp_path / "another")
    assert watched.changes() == []


@pytest.mark.parametrize("name", ["../../../escaped", "/escaped", "tokens.zarr/../../escaped"])
def test_a_hostile_list_reaches_nothing(name: str, latents_atlas: Path, tmp_path: Path) -> None:
    atlas = shutil.copytree(latents_atlas, tmp_path / "atlas")
    run = atlas / open_atlas(str(atlas)).manifest.run_path
    listed = json.loads((run / "files.json").read_bytes()) | {name: [1, "0" * 64]}
    (run / "files.json").write_text(json.dumps(listed))
    with pytest.raises(InputError, match="remove atlas.json"):
        repair(str(atlas), None)
    assert not list(tmp_path.rglob("*escaped*"))


@pytest.mark.parametrize("run", ["../..", ".", "a/../../..", "/tmp"])
def test_a_hostile_manifest_is_none(run: str, latents_atlas: Path, tmp_path: Path) -> None:
    told = json.loads((latents_atlas / "atlas.json").read_bytes()) | {"run": run}
    (tmp_path / "atlas").mkdir()
    (tmp_path / "atlas" / "atlas.json").write_text(json.dumps(told))
    with pytest.raises(FormatError, match="atlas.json: run: "):
        repair(str(tmp_path / "atlas"), None)


def test_work_that_is_damaged_too(url: str, config: Path, tmp_path: Path) -> None:
    """It is told which stage is to be run again; then the atlas is mended."""
    change(open_place(url), f"{run_of(url)}/{ACTS}")
    work = open_place(f"{url}.work")
    work.delete(next(name for name in work.list("describe/") if name.endswith("one-sae.npz")))
    with pytest.raises(InputError, match="run: atlas describe, or atlas build"):
        repair(url, config, tmp_path / "another")
    assert not (tmp_path / "another" / "atlas.work" / "repair").exists()
    with pytest.raises(InputError, match="there is no .*params.yaml"):
        repair(url, None, tmp_path / "another")
    with pytest.raises(InputError, match="leave out --work"):
        repair(str(tmp_path / "atlas"), config, tmp_path / "another")


def test_no_work_is_left_anywhere(azurite: Store, latents_atlas: Path, config: Path, tmp_path: Path) -> None:
    """An atlas that was published from a folder, of another machine."""
    url = f"{azurite.url}/world/atlas"
    publish(Publication.of(str(latents_atlas)), open_place(url), keep=0)
    cut_short(open_place(url), f"{run_of(url)}/{ACTS}")
    with pytest.raises(InputError, match="run: atlas scan, or atlas build"):
        repair(url, config, tmp_path / "another")


def test_a_list_that_is_lost(url: str, latents_params: Params, tmp_path: Path) -> None:
    """What is advised then helps."""
    place, run = open_place(url), run_of(url)
    cut_short(place, f"{run}/files.json")
    with pytest.raises(InputError, match=f"remove atlas.json, {run} and, if it is there, published.json"):
        repair(url, None, tmp_path / "another")
    for name in ("atlas.json", "published.json", *place.list(run)):
        place.delete(name)
    build(latents_params, url, tmp_path / "builder")
    assert wrong(url) == []
