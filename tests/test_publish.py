"""Publishing: only what changed is sent, readers see one whole site, a killed publisher's work goes on."""

from __future__ import annotations

import json
import shutil
import sys
import urllib.request
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest

from feature_atlas import open_atlas
from feature_atlas.errors import FormatError, InputError
from feature_atlas.labels import Label
from feature_atlas.verify import verify
from pipeline import cli
from pipeline.core import blobs, published
from pipeline.core.blobs import ASK_FIRST, FOR_EVER, WrittenMeanwhile, open_place
from pipeline.core.publication import Publication
from pipeline.core.runs import read_list
from pipeline.publish import publish
from pipeline.relabel import relabel
from tests.emulators.flaky import flaky
from tests.emulators.stores import connection_string
from tests.published_site import CHANGES, Killed, Watched, check_reader, check_same
from tests.synthetic import Units, prose, write_atlas
from tests.test_blobs import KINDS, open_to_all, url_of
from viewer_builder.build import build_site

DICTIONARY = "resid_post.0.x"


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The site of a small atlas, and that of the same with a label more in one dictionary."""
    folder = tmp_path_factory.mktemp("sites")
    units = [Units(DICTIONARY, "resid_post.0", 16), Units("mlp_post.0", "mlp_post.0", 16, two_signed=True)]
    atlas = write_atlas(folder / "atlas", "A small atlas", prose(20), units)
    build_site(str(atlas), folder / "a", link=None)
    assert relabel(open_atlas(str(atlas)), {DICTIONARY: {0: [Label("a new label", "me")]}}) == 1
    build_site(str(atlas), folder / "b", link=None)
    return folder / "a", folder / "b"


@pytest.fixture
def url(kind: str, request: pytest.FixtureRequest) -> str:
    return url_of(kind, request)


def at(*kinds: str) -> pytest.MarkDecorator:
    """Runs a test at places of these kinds; tests/test_blobs.py says that all behave alike."""
    return pytest.mark.parametrize("kind", kinds)


def put(site: Path, place: Any, keep: int = 1, dry_run: bool = False) -> Watched:
    watched = place if isinstance(place, Watched) else Watched(place)
    publish(Publication.of(str(site)), watched, keep=keep, dry_run=dry_run)
    return watched


def run_of(site: Path) -> str:
    return json.loads((site / "atlas/atlas.json").read_text())["run"]


def frozen(site: Path) -> set[str]:
    """The files of a site that never change."""
    found = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    return {name for name in found if not name.endswith(".html") and name != "atlas/atlas.json"}


@at(*KINDS)
def test_first_again_and_changed(url: str, sites: tuple[Path, Path]) -> None:
    a, b = sites
    place = open_place(url)
    first = put(a, place)
    check_same(place, a, set())
    assert sorted(first.changes("put")) == sorted(
        frozen(a) | {p.relative_to(a).as_posix() for p in a.rglob("*.html")}
    )
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
    assert not same & set(second.changes("put"))


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


def test_killed_at_the_ends_of_every_phase(sites: tuple[Path, Path], tmp_path: Path) -> None:
    """The reader has one whole site at every moment, and the next run completes it."""
    a, b = sites
    base = tmp_path / "base"
    put(a, open_place(str(base)))
    done = put(b, open_place(str(shutil.copytree(base, tmp_path / "whole"))), keep=0)
    phases = [(call, name.endswith(".html")) for call, name in done.calls if call in CHANGES]
    edges = {i for i in range(1, len(phases)) if phases[i - 1] != phases[i]} | {0, len(phases)}
    seen: set[Path] = set()
    for number, stop in enumerate(sorted(edges | {edge + 1 for edge in edges if edge < len(phases)})):
        place = open_place(str(shutil.copytree(base, tmp_path / "place")))
        if stop:
            with pytest.raises(Killed):
                put(b, Watched(place, stop, after=number % 2 == 0), keep=0)
        seen.add(check_reader(place, a, b))
        rest = put(b, place, keep=0)
        check_same(place, b, set())
        if 1 < stop < len(phases):
            assert len(rest.changes("put", "copy")) < len(done.changes("put", "copy")), "it goes on"
        shutil.rmtree(tmp_path / "place")
    assert seen == {a, b} and number > 10


@at("azurite")
def test_killed_at_each_kind_of_step_in_a_store(
    url: str, sites: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what the killed one left, another publication takes over."""
    monkeypatch.setattr(published, "LEASE", 0.01)
    a, b = sites
    for number, (kinds, name) in enumerate(
        [
            ("copy", ""),
            ("put", ".html"),
            ("delete", ""),
        ]
    ):
        place = open_place(f"{url}/{number}")
        put(a, place)
        watched = Watched(place)
        armed: list[str] = []

        def kill(
            call: str, told: Any, kinds: str = kinds, name: str = name, armed: list[str] = armed
        ) -> None:
            if armed:
                raise Killed
            if call == kinds and told.endswith(name):
                armed.append(told)

        watched.before_call = kill
        with pytest.raises(Killed):
            put(b, watched, keep=0)
        check_reader(place, a, b)
        other = a if number > 0 else b  # what was there all the time is there already
        put(other, place, keep=0)
        check_same(place, other, set())


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


@at(*KINDS)
def test_of_two_publishers_one_wins(url: str, sites: tuple[Path, Path]) -> None:
    """Both have sent all that never changes when the first claims the place."""
    a, b = sites
    start = shutil.copytree(a, a.parent / "start", dirs_exist_ok=True)
    (start / "index.html").write_text((a / "index.html").read_text() + "<!-- before -->")
    place = open_place(url)
    put(start, place)
    barrier, errors, won = Barrier(2, timeout=30), [], []

    def run(site: Path) -> None:
        watched, met = Watched(place), []

        def meet(call: str, name: Any) -> None:
            if (call, name) == ("swap", "published.json") and not met:
                met.append(name)
                barrier.wait()

        watched.before_call = meet
        try:
            put(site, watched)
            won.append(site)
        except WrittenMeanwhile as error:
            errors.append(error)
            assert not [name for name in watched.changes("put") if name.endswith(".html")]

    threads = [Thread(target=run, args=(site,)) for site in (a, b)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(won) == 1 and len(errors) == 1
    assert "another publisher was first" in str(errors[0])
    assert check_reader(place, a, b) == won[0]
    loser = b if won[0] == a else a
    put(loser, place, keep=0)
    check_same(place, loser, set())


def test_one_who_was_replaced_stops(
    sites: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A publisher that hung among its pages longer than the lease finds the place taken, and stops."""
    a, b = sites
    monkeypatch.setattr(published, "LEASE", 0.01)
    monkeypatch.setattr(published, "BEAT", -1.0)  # asks before every change
    monkeypatch.setattr("pipeline.publish.THREADS", 1)
    place, hung = open_place(str(tmp_path / "place")), Watched(open_place(str(tmp_path / "place")))
    put(a, place)
    slept: list[str] = []

    def hang(call: str, name: Any) -> None:
        if call == "put" and name.endswith(".html") and not slept:
            slept.append(name)
            put(a, place)

    hung.before_call = hang
    with pytest.raises(WrittenMeanwhile, match="another publisher"):
        put(b, hung)
    assert [name for name in hung.changes("put") if name.endswith(".html")] == slept
    assert "atlas/atlas.json" not in hung.changes("swap")
    assert check_reader(place, a, b) == a


def test_one_who_is_at_work_is_waited_for(
    sites: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = sites
    place, first = open_place(str(tmp_path)), Watched(open_place(str(tmp_path)))
    put(a, place)
    waits: list[float] = []
    monkeypatch.setattr(published, "BEAT", -1.0)
    monkeypatch.setattr("pipeline.publish.THREADS", 1)
    second: list[Watched] = []

    def meanwhile(call: str, name: Any) -> None:
        """The second begins while the first is among its pages; each time it looks, the first goes on."""
        if call == "put" and name.endswith(".html") and not second:
            second.append(Watched(open_place(str(tmp_path))))
            thread.start()
            ready.wait()

    ready = Barrier(2, timeout=30)
    thread = Thread(target=lambda: put(a, second[0], keep=0))

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 1:
            ready.wait()
        publisher.join()

    monkeypatch.setattr(published.time, "sleep", sleep)
    first.before_call = meanwhile
    publisher = Thread(target=lambda: put(b, first))
    publisher.start()
    publisher.join()
    thread.join()
    assert waits == [published.LEASE]
    check_same(place, a, set())


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


@at("azurite", "s3")
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
    assert "is refused to visitors" in told and ("public-access blob" in told or "bucket policy" in told)
    place = open_place(url)
    open_to_all(place)
    if kind == "azurite":
        assert atlas(monkeypatch, "publish", str(a), url) == 2
        told = capsys.readouterr().err
        assert "pages of other sites can't read" in told and "--fix-cors" in told
        assert f"published: {place.public_url('index.html')}" in told
        assert atlas(monkeypatch, "publish", str(a), url, "--fix-cors") == 0
        assert len(place.service.get_service_properties()["cors"]) == 1  # type: ignore[attr-defined]
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


@at("azurite")
def test_through_a_network_that_fails(
    url: str, sites: tuple[Path, Path], azurite_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every fourth request fails: what is published is whole, and as it would be."""
    direct, (a, b) = open_place(url), sites
    monkeypatch.setattr(blobs, "FIRST_WAIT", 0.001)
    with flaky(azurite_server, every=4) as between:
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", connection_string(between))
        place = open_place(url)
        put(a, place)
        put(b, place)
        check_same(place, b, frozen(a))
        put(a, place, keep=0)
    check_same(direct, a, set())
