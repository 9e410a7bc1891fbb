"""Reading an atlas from blob storage, by emulators of Azure, S3 and Google: as from disk, and never zeros."""

from __future__ import annotations

from pathlib import Path

import fsspec
import numpy as np
import pytest

from feature_atlas import open_atlas
from feature_atlas.errors import FormatError, InputError
from feature_atlas.store import list_below
from feature_atlas.verify import verify
from pipeline.cli import main
from tests.emulators.stores import (
    Store,
    connection_string,
    container_sas,
    let_everybody_read,
    set_environment,
)
from viewer_builder.build import build_site

SHARD = "tiny-sae.zarr/examples/acts/c/0/0/0"


@pytest.fixture(params=["azurite", "s3", "gcs"])
def url(request: pytest.FixtureRequest, tiny_atlas: Path) -> str:
    """The small atlas below a prefix of each kind of blob storage."""
    store: Store = request.getfixturevalue(request.param)
    filesystem, path = fsspec.core.url_to_fs(store.url)
    for file in (each for each in tiny_atlas.rglob("*") if each.is_file()):
        filesystem.pipe_file(f"{path}/some/where/{file.relative_to(tiny_atlas)}", file.read_bytes())
    return f"{store.url}/some/where"


def file_of(url: str, name: str) -> tuple[fsspec.AbstractFileSystem, str]:
    filesystem, path = fsspec.core.url_to_fs(url)
    filesystem.invalidate_cache()
    (found,) = (each for each in filesystem.find(path) if each.endswith(name))
    return filesystem, found


def test_units_are_those_on_disk(url: str, tiny_atlas: Path) -> None:
    there, here = open_atlas(url), open_atlas(str(tiny_atlas))
    for address in ("tiny-sae/3", "mlp_post.1/7", "attn.0/2"):
        assert there.at(address).to_json() == here.at(address).to_json()
    assert there.token(" the").to_json() == here.token(" the").to_json()
    assert there.search("heron").to_json() == here.search("heron").to_json()
    assert there.to_json() == here.to_json()


def test_verify_finds_nothing_wrong_and_what_does_not_belong(url: str) -> None:
    assert not list(verify(open_atlas(url)))
    filesystem, shard = file_of(url, SHARD)
    filesystem.pipe_file(f"{shard}.stray", b"x")
    (wrong,) = verify(open_atlas(url))
    assert wrong.endswith("0.stray is not part of the atlas")


def test_a_shard_that_is_lost_or_cut_short_is_an_error_and_never_zeros(url: str) -> None:
    filesystem, shard = file_of(url, SHARD)
    whole = filesystem.cat_file(shard)
    for kept in (0, 10, -3):
        filesystem.pipe_file(shard, whole[:kept])
        with pytest.raises(FormatError, match="tiny-sae"):
            open_atlas(url).at("tiny-sae/3")
    filesystem.rm_file(shard)
    with pytest.raises(FormatError, match="missing or cut short; run: atlas verify"):
        open_atlas(url).at("tiny-sae/3")
    (wrong,) = verify(open_atlas(url))
    assert SHARD in wrong and "can't read" in wrong


def test_what_was_never_written_is_zeros_without_a_request(url: str) -> None:
    """Files of nothing but fill values are left out."""
    group = open_atlas(url)["tiny-sae"].group
    missing = [path for path in group.dims() if not any(n.startswith(f"{path}/c") for n in group.shard_sizes)]
    assert missing
    for path in missing:
        assert not np.any(group.read(path))


def test_a_site_is_rendered_of_it_that_reads_by_http(url: str, tmp_path: Path) -> None:
    link = "https://account.blob.core.windows.net/container/some/where"
    build_site(url, tmp_path / "site", link=link)
    assert link in (tmp_path / "site" / "index.html").read_text()
    assert not (tmp_path / "site" / "atlas").exists()


@pytest.mark.parametrize("link", ["az://container/some/where", "https://host/atlas?sig=abcdefgh"])
def test_a_link_that_no_browser_may_read_is_refused(link: str, tiny_atlas: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="browsers read https|by the environment") as refused:
        build_site(str(tiny_atlas), tmp_path / "site", link=link)
    assert "abcdefgh" not in str(refused.value)


@pytest.mark.parametrize("kind", ["azurite", "s3", "gcs"])
def test_what_is_not_there_is_told_in_a_line(kind: str, request: pytest.FixtureRequest) -> None:
    store: Store = request.getfixturevalue(kind)
    for place in (store.url, f"{store.url}/nowhere", f"{store.url}-none/x"):
        with pytest.raises(FormatError, match=f"can't read {place}/atlas.json: "):
            open_atlas(place)


def test_a_key_that_may_only_read_is_enough(
    azurite: Store,
    azurite_server: str,
    tiny_atlas: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    filesystem, path = fsspec.core.url_to_fs(azurite.url)
    filesystem.put(str(tiny_atlas), f"{path}/atlas", recursive=True)
    told = connection_string(azurite_server, f"SharedAccessSignature={container_sas(azurite.name, 'r')}")
    set_environment({"AZURE_STORAGE_CONNECTION_STRING": told}, monkeypatch)
    for command in (["show", f"{azurite.url}/atlas", "tiny-sae/3"], ["verify", f"{azurite.url}/atlas"]):
        monkeypatch.setattr("sys.argv", ["atlas", *command])
        with pytest.raises(SystemExit) as left:
            main()
        assert left.value.code == 0
    said = capsys.readouterr().err
    assert "all as recorded" in said
    assert f"left-over files can't be looked for: can't read {azurite.url}/atlas/runs/" in said
    with pytest.raises(FormatError, match="can't read .*: 403"):
        list_below(azurite.url)


def test_verify_says_that_a_web_server_lists_nothing(
    azurite: Store, tiny_atlas: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    filesystem, path = fsspec.core.url_to_fs(azurite.url)
    filesystem.put(str(tiny_atlas), f"{path}/atlas", recursive=True)
    let_everybody_read(azurite)
    for place, says in ((f"{azurite.http}/atlas", True), (f"{azurite.url}/atlas", False)):
        monkeypatch.setattr("sys.argv", ["atlas", "verify", place])
        with pytest.raises(SystemExit) as left:
            main()
        assert left.value.code == 0
        told = capsys.readouterr().err.count("left-over files can't be looked for: http:// lists nothing\n")
        assert told == says


SECRET = "c2VjcmV0LXNlY3JldC1zZWNyZXQ="


@pytest.mark.parametrize("command", ["show", "verify"])
def test_a_refused_key_is_not_shown(
    azurite: Store,
    azurite_server: str,
    command: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for told in (f"AccountKey={SECRET}", f"SharedAccessSignature=sv=2026-02-06&sp=rl&sig={SECRET}"):
        wrong = f"BlobEndpoint={azurite_server};AccountName=devstoreaccount1;{told}"
        set_environment({"AZURE_STORAGE_CONNECTION_STRING": wrong}, monkeypatch)
        monkeypatch.setattr("sys.argv", ["atlas", command, f"{azurite.url}/atlas"])
        with pytest.raises(SystemExit) as left:
            main()
        assert left.value.code == 2
        said = capsys.readouterr().err
        assert said.startswith(f"atlas: can't read {azurite.url}/atlas/atlas.json: 403")
        assert said.count("\n") == 1 and SECRET not in said


@pytest.mark.parametrize(
    "place",
    [
        f"az://container/atlas?sig={SECRET}",
        f"https://user:{SECRET}@example.org/atlas",
        f"https://example.org/atlas?sv=1&sig={SECRET}",
        f"https://example.org/atlas#{SECRET}",
    ],
)
def test_a_key_in_a_url_is_refused_unasked_and_unshown(place: str) -> None:
    with pytest.raises(InputError, match="by the environment") as refused:
        open_atlas(place)
    assert SECRET not in str(refused.value)
