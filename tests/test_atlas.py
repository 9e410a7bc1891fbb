"""Reading an atlas, from disk and over http; verifying it; what `atlas show` prints."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from feature_atlas import AtlasError, open_atlas
from feature_atlas.contract import DICTIONARY
from feature_atlas.errors import FormatError
from feature_atlas.store import SHARD_SIZES, Group, create_group
from feature_atlas.verify import FILES, list_files, verify
from viewer_builder.build import build_site
from viewer_builder.serve import make_server

LATENT_KEYS = {
    "address", "dictionary", "index", "hook_point", "density", "firings", "counted_tokens",
    "max_activation", "mean_activation", "mean_when_firing", "moments", "histogram", "top_examples",
    "bands", "random_examples", "fires_on", "promoted", "suppressed", "neighbours",
}  # fmt: skip


@pytest.fixture(scope="module")
def served(tiny_atlas: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of the small atlas inside its site, on a server of this machine."""
    site = tmp_path_factory.mktemp("served")
    build_site(str(tiny_atlas), site, link=None)
    with make_server(site, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/atlas"
        server.shutdown()


def test_a_served_atlas_reads_like_the_one_on_disk(tiny_atlas: Path, served: str) -> None:
    disk, web = open_atlas(str(tiny_atlas)), open_atlas(served)
    assert web.to_json() == disk.to_json()
    for address in ("mlp_post.1/17", "tiny-sae/3"):
        assert web.at(address).to_json() == disk.at(address).to_json()
    assert web.token(" heron") == disk.token(" heron")
    assert not list(verify(web))


def test_show_json_is_complete(tiny_atlas: Path) -> None:
    shown = open_atlas(str(tiny_atlas)).at("mlp_post.0/5").to_json()
    assert shown.keys() >= LATENT_KEYS | {"bottom_examples"}
    again = json.loads(json.dumps(shown, allow_nan=False))
    example = again["top_examples"][0]
    assert example["activations"][example["peak"]] == pytest.approx(example["activation"], rel=0.01)
    assert len(again["histogram"]["edges"]) == len(again["histogram"]["counts"]) + 1
    total = (
        sum(again["histogram"]["counts"]) + again["histogram"]["underflow"] + again["histogram"]["overflow"]
    )
    assert total == again["firings"] == sum(band["firings"] for band in again["bands"])


def test_the_manifest_says_how_to_compute_it_again(tiny_atlas: Path) -> None:
    shown = open_atlas(str(tiny_atlas)).to_json()
    assert shown["windowing"] | {"n_windows": 0, "counted_tokens": 0} == {
        "ctx": 32, "stride": 31, "bos_token_id": 0, "skipped": [0], "n_windows": 0, "counted_tokens": 0,
    }  # fmt: skip
    assert [document["id"] for document in shown["documents"]] == sorted(d["id"] for d in shown["documents"])
    assert shown["corpus"]["too_short"] == 2
    assert sum(document["n_tokens"] for document in shown["documents"]) == shown["corpus"]["n_tokens"]


def test_reading_needs_no_torch(tiny_atlas: Path) -> None:
    code = f"""
import sys
from feature_atlas import open_atlas
open_atlas({str(tiny_atlas)!r})["tiny-sae"][0].to_json()
assert not {{"torch", "transformers", "pipeline"}} & set(sys.modules), "torch was loaded"
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_verify_finds_what_was_changed(tiny_atlas: Path, tmp_path: Path) -> None:
    assert not list(verify(open_atlas(str(tiny_atlas))))
    damages = {
        "changed": lambda file: file.write_bytes(file.read_bytes()[:-1] + b"\0"),
        "bytes, not": lambda file: file.write_bytes(file.read_bytes()[:-5]),
        "can't read": lambda file: file.unlink(),
    }
    for number, (word, damage) in enumerate(damages.items()):
        atlas = shutil.copytree(tiny_atlas, tmp_path / str(number))
        damage(next(atlas.rglob("tiny-sae.zarr/examples/acts/c/0/0/0")))
        wrong = list(verify(open_atlas(str(atlas))))
        assert any(word in line and "examples/acts" in line for line in wrong), wrong
    atlas = shutil.copytree(tiny_atlas, tmp_path / "more")
    (next(atlas.rglob("tiny-sae.zarr")) / "stray").write_text("x")
    assert any("not part of the atlas" in line for line in verify(open_atlas(str(atlas))))


@pytest.mark.parametrize("told", ["{", '{"a": 3}', '{"a": ["x"]}', '{"../a": [1, "x"]}', '{"/a": [1, "x"]}'])
def test_verify_refuses_a_list_that_is_none(told: str, tiny_atlas: Path, tmp_path: Path) -> None:
    atlas = shutil.copytree(tiny_atlas, tmp_path / "atlas")
    opened = open_atlas(str(atlas))
    (atlas / opened.manifest.run_path / "files.json").write_text(told)
    with pytest.raises(FormatError, match=r"files\.json is not a list of files.* atlas repair"):
        list(verify(opened))


def test_a_missing_shard_is_never_zeros(tiny_atlas: Path, tmp_path: Path) -> None:
    atlas = shutil.copytree(tiny_atlas, tmp_path / "atlas")
    next(atlas.rglob("tiny-sae.zarr/card/floats/c/0/0")).unlink()
    with pytest.raises(FormatError, match="missing or cut short"):
        open_atlas(str(atlas))["tiny-sae"][0]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "nonsense", '{"format": "feature-atlas", "format_version": 1}']
)
def test_what_is_no_manifest_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "atlas.json").write_text(text)
    with pytest.raises(AtlasError, match=r"atlas\.json"):
        open_atlas(str(tmp_path))


def test_a_reader_passes_over_what_was_added(tiny_atlas: Path, tmp_path: Path) -> None:
    atlas = shutil.copytree(tiny_atlas, tmp_path / "atlas")
    manifest = json.loads((atlas / "atlas.json").read_text())
    manifest["later"] = {"new": 1}
    manifest["model"]["later"] = 2
    (atlas / "atlas.json").write_text(json.dumps(manifest))
    assert open_atlas(str(atlas)).manifest.model.d_vocab == 400


NEWER = ("effect_hist", "ablation_", "encoder_", "upstream_", "downstream_", "writer_")


def test_cards_of_fewer_columns_are_whole_and_read(tiny_atlas: Path, tmp_path: Path) -> None:
    """An atlas made before the fields of NEWER, which are the last of both cards."""
    atlas = shutil.copytree(tiny_atlas, tmp_path / "atlas")
    group = Group(str(place := next(atlas.rglob("tiny-sae.zarr"))))
    unknown = (SHARD_SIZES, "upstream", "downstream")
    attributes = {key: value for key, value in group.attributes.items() if key not in unknown}
    arrays = {spec.path: group.read(spec.path) for spec in DICTIONARY}
    for kind in ("float", "int"):
        fields = attributes["fields"][f"{kind}s"]
        older = {name: columns for name, columns in fields.items() if not name.startswith(NEWER)}
        width = max(last for _, last in older.values())
        assert width < attributes["sizes"][f"{kind}_field"]
        assert all(first >= width for name, (first, _) in fields.items() if name not in older)
        attributes["fields"][f"{kind}s"], attributes["sizes"][f"{kind}_field"] = older, width
        arrays[f"card/{kind}s"] = arrays[f"card/{kind}s"][:, :width]
    shutil.rmtree(place)
    create_group(place, DICTIONARY, arrays, attributes, d_vocab=400)
    run = place.parents[1]
    (run / FILES).write_text(json.dumps(list_files(run)))
    opened = open_atlas(str(atlas))
    assert not list(verify(opened))
    before, now = open_atlas(str(tiny_atlas))["tiny-sae"][3].to_json(), opened["tiny-sae"][3].to_json()
    changed = {key for key in before if now.get(key) != before[key]}
    assert now["effect_histogram"] is None and before["effect_histogram"] is not None
    assert changed <= {
        "effect_histogram",
        "ablations",
        "encoder_neighbours",
        "upstream",
        "downstream",
        "writers",
    }
