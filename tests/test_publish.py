"""Publishing: only what changed is sent, earlier runs are kept, nothing of others is touched."""

from __future__ import annotations

import json
import shutil
import sys
import urllib.request
from pathlib import Path

import pytest

from feature_atlas import open_atlas
from feature_atlas.errors import FormatError, InputError
from feature_atlas.verify import verify
from pipeline import cli
from pipeline.core import blobs
from pipeline.core.blobs import ASK_FIRST, FOR_EVER, open_place
from pipeline.core.publication import Publication
from pipeline.core.runs import read_list
from tests.emulators.stores import googles_rules, let_browsers_read
from tests.published_site import (
    DICTIONARY,
    at,
    check_same,
    frozen,
    put,
    run_of,
)
from tests.test_blobs import KINDS, open_to_all, url_of


@at(*KINDS)
def test_first_again_and_changed(url: str, sites: tuple[Path, Path]) -> None:
    a, b = sites
    place = open_place(url)
    first = put(a, place)
    check_same(place, a, set())
    assert sorted(first.changes("put")) == sorted(frozen(a))
    assert {p.relative_to(a).as_posix() for p in a.rglob("*.html")} < set(first.changes("swap"))
    order = [name for name in first.changes("put", "swap")]
    claimed, switched = order.index("published.json"), order.index("atlas/atlas.json")
    assert set(order[:claimed]) == frozen(a), "what never changes is there before any page is"
    assert all(name.endswith(".html") for name in order[claimed + 1 : switched])
    again = put(a, place)
    assert again.calls == [("read", "published.json"), ("read", "atlas/atlas.json")]

    second = put(b, place)
    check_same(place, b, frozen(a))
    old, new = (read_list(site / "atlas/runs" / run_of(site)) for site in sites)
    changed = {f"atlas/runs/{run_of(b)}/{name}" for name, told in new.items() if told not in old.values()}
    changed.add(f"atlas/runs/{run_of(b)}/files.json")
    sent = {name for name in second.changes("put") if "/runs/" in name}
    assert sent == changed and len(changed) < len(new) / 2
    assert all(DICTIONARY in name or "search.zarr" in name or name.endswith("files.json") for name in sent)
    same = {name.name for name in a.glob("*.html") if name.read_bytes() == (b / name.name).read_bytes()}
    assert not same & set(second.changes("put", "swap"))


@at("folder", "azurite")
def test_earlier_runs_are_kept_and_then_removed(url: str, sites: tuple[Path, Path]) -> None:
    a, b = sites
    place = open_place(url)
    put(a, place)
    put(b, place, keep=0)
    check_same(place, b, set())
    back = put(a, place)
    check_same(place, a, frozen(b))
    assert f"atlas/runs/{run_of(a)}/files.json" in back.changes("put")
    forth = put(b, place)
    assert not [name for name in forth.changes("put", "copy") if "/runs/" in name], "it was kept"
    check_same(place, b, frozen(a))
    put(b, place, keep=0)
    check_same(place, b, set())


@at("folder")
def test_a_dry_run_changes_nothing(
    url: str, sites: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = sites
    place = open_place(url)
    put(a, place)
    before = {name: (entry.size, entry.md5()) for name, entry in place.list().items()}
    capsys.readouterr()
    tried = put(b, place, keep=0, dry_run=True)
    assert tried.changes() == []
    assert {name: (entry.size, entry.md5()) for name, entry in place.list().items()} == before
    told = " ".join(capsys.readouterr().err.split())
    done = put(b, place, keep=0)
    never = [name for name in done.changes("put") if name in frozen(b)]
    assert f"to send: {len(never)} files" in told
    assert f"earlier run at the place: {len(done.changes('copy'))} files" in told
    assert f"to remove: {len(done.changes('delete'))} files: " in told and f"atlas/runs/{run_of(a)}" in told


@at("azurite", "s3")
def test_a_changed_file_of_the_same_length_is_sent_again(url: str, sites: tuple[Path, Path]) -> None:
    """What a killed publisher or another hand has left in the run's folder is compared, not trusted."""
    a, _ = sites
    place = open_place(url)
    name = max((f for f in frozen(a) if "/runs/" in f), key=lambda f: (a / f).stat().st_size)
    wrong = bytearray((a / name).read_bytes())
    wrong[100] ^= 1
    place.put(name, bytes(wrong), blobs.Headers.of(name, FOR_EVER))
    fine = f"atlas/runs/{run_of(a)}/files.json"
    place.put(fine, a / fine, blobs.Headers.of(fine, FOR_EVER))
    done = put(a, place)
    assert name in done.changes("put") and fine not in done.changes("put")
    check_same(place, a, set())


@at("azurite")
def test_damage_at_the_place_is_not_copied(url: str, sites: tuple[Path, Path]) -> None:
    """An earlier run has a file that was cut short, or its list was: what is published then is whole."""
    a, b = sites
    run = f"atlas/runs/{run_of(a)}"
    shared = next(
        name for name in sorted(frozen(a)) if name.startswith(f"{run}/corpus.zarr/") and "/c/" in name
    )
    for number, damaged in enumerate((shared, f"{run}/files.json")):
        place = open_place(f"{url}/{number}")
        put(a, place)
        place.put(damaged, (a / damaged).read_bytes()[:-1], blobs.Headers.of(damaged, FOR_EVER))
        done = put(b, place)
        assert shared.replace(run_of(a), run_of(b)) in done.changes("put")
        assert bool(done.changes("copy")) == (damaged == shared)
        check_same(place, b, frozen(a))


@at("folder")
def test_a_damaged_file_is_not_published(url: str, sites: tuple[Path, Path], tmp_path: Path) -> None:
    a, _ = sites
    place = open_place(url)
    site = shutil.copytree(a, tmp_path / "damaged")
    file = next(path for path in sorted(site.rglob("c/0*")) if path.is_file())
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.unlink()
    file.write_bytes(data)
    with pytest.raises(FormatError, match="atlas verify"):
        put(site, place)
    assert place.read("atlas/atlas.json") is None and not [n for n in place.list() if n.endswith(".html")]
    file.write_bytes(b"short")
    with pytest.raises(FormatError, match="missing or cut short"):
        put(site, place)


@at("folder", "azurite")
def test_an_atlas_alone(url: str, sites: tuple[Path, Path]) -> None:
    a, b = (site / "atlas" for site in sites)
    place = open_place(url)
    for keep, atlas in ((1, a), (1, b), (0, b)):
        put(atlas, place, keep)
        run = json.loads((atlas / "atlas.json").read_text())["run"]
        assert (place.read("atlas.json") or (b"", ""))[0] == (atlas / "atlas.json").read_bytes()
        found = open_atlas(url)
        assert found.manifest.run == run and not list(verify(found))
    assert {name.split("/")[1] for name in place.list("runs/")} == {run_of(sites[1])}
    with pytest.raises(InputError, match="holds a published atlas"):
        put(sites[0], place)


def test_folders_that_hold_nothing_to_publish(tmp_path: Path) -> None:
    for source in (str(tmp_path), "az://c/x", str(tmp_path / "none")):
        with pytest.raises(InputError, match="publish|neither a site nor an atlas"):
            Publication.of(source)


@pytest.mark.parametrize(
    "told",
    [
        b"no json",
        b'{"format": "feature-atlas-published", "format_version": 2}',
        '{"kind":"site","publication":"x","finished":true,"pages":{},"folders":{"../runs/x":"y"},"current":[]}',
        '{"kind":"site","publication":"x","finished":true,"pages":{"../x":[1,"y"]},"folders":{},"current":[]}',
        '{"kind":"site","publication":"x","finished":true,"pages":{},"folders":{"other":"y"},"current":[]}',
    ],
)
def test_a_hostile_list_removes_nothing(sites: tuple[Path, Path], tmp_path: Path, told: bytes | str) -> None:
    (tmp_path / "published.json").write_bytes(told if isinstance(told, bytes) else told.encode())
    (tmp_path / "other").write_text("theirs")
    with pytest.raises(FormatError, match="published.json is damaged or of another version"):
        put(sites[0], open_place(str(tmp_path)))
    assert {path.name for path in tmp_path.iterdir()} == {"published.json", "other"}


@at("folder")
def test_what_others_have_put_there_stays(url: str, sites: tuple[Path, Path]) -> None:
    place = open_place(url)
    for name in ("robots.txt", "notes/runs.txt", "other.html"):
        place.put(name, b"theirs", blobs.Headers.of(name, ASK_FIRST))
    put(sites[0], place)
    put(sites[1], place, keep=0)
    check_same(place, sites[1], {"robots.txt", "notes/runs.txt", "other.html"})


def atlas(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The command's exit code."""
    monkeypatch.setattr(sys, "argv", ["atlas", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


@at("azurite", "s3", "gcs")
def test_the_command_and_what_the_world_sees(
    kind: str,
    sites: tuple[Path, Path],
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url, (a, _) = url_of(kind, request), sites
    assert atlas(monkeypatch, "publish", str(a), url) == 0
    told = capsys.readouterr().err
    assert "is refused to visitors" in told
    assert {"azurite": "public-access blob", "s3": "bucket policy", "gcs": "member=allUsers"}[kind] in told
    place = open_place(url)
    open_to_all(place)
    if kind != "s3":
        let_browsers_read(request.getfixturevalue(kind))  # a rule that says too little, and comes first
        assert atlas(monkeypatch, "publish", str(a), url) == 2
        told = capsys.readouterr().err
        assert "pages of other sites can't read" in told and "--fix-cors" in told
        assert f"published: {place.public_url('index.html')}" in told
        assert atlas(monkeypatch, "publish", str(a), url, "--fix-cors") == 0
        assert atlas(monkeypatch, "publish", str(a), url, "--fix-cors") == 0
        if kind == "gcs":
            assert len(googles_rules(request.getfixturevalue(kind).name)) == 2
        else:
            assert len(place.service.get_service_properties()["cors"]) == 2  # type: ignore[attr-defined]
            place.service.set_service_properties(cors=[])  # type: ignore[attr-defined]
    else:
        atlas(monkeypatch, "publish", str(a), url)
        told = capsys.readouterr().err.partition("does not answer ")[2]  # moto refuses anonymous OPTIONS
        assert told.startswith("Access-Control-Allow-Headers: Range, to OPTIONS. aws s3api put-bucket-cors")
        assert atlas(monkeypatch, "publish", str(a), url, "--fix-cors") == 2
        assert "docs/publishing.md" in capsys.readouterr().err
    for name, cached in (("index.html", ASK_FIRST), ("atlas/atlas.json", ASK_FIRST)):
        with urllib.request.urlopen(place.public_url(name) or "") as answer:
            assert answer.headers["Cache-Control"] == cached
    for name in list(frozen(a))[:5]:
        with urllib.request.urlopen(place.public_url(name) or "") as answer:
            assert answer.headers["Cache-Control"] == FOR_EVER
