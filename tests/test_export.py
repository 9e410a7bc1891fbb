"""Exports, each read back by what its format says alone, against what `open_atlas` reads."""

from __future__ import annotations

import dataclasses
import gzip
import http.client
import itertools
import json
import math
import re
import shutil
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from feature_atlas import Dictionary, Example, Head, Latent, open_atlas
from feature_atlas.contract import histogram_edges
from feature_atlas.errors import FormatError, InputError
from interchange import histogram
from interchange.export import FORMATS, choose, export
from interchange.names import source_id
from tests import synthetic
from viewer_builder.serve import make_server

ALL = ["mlp_post.0", "mlp_post.1", "tiny-sae"]
ONE_A_LAYER = ["mlp_post.0", "tiny-sae"]
HEADS = ["attn.0", "attn.1"]
Contents = dict[str, bytes]


def run(atlas: Path | str, to: str, out: Path, ids: list[str] | None = None) -> Path:
    opened = open_atlas(str(atlas))
    done: list[int] = []
    chosen = choose(opened, to, ids or [])
    export(opened, to, out, chosen, done.append)
    assert sum(done) == sum(map(len, chosen))
    return out


def of_each_layer(to: str) -> list[str]:
    return HEADS if FORMATS[to].of_heads else ONE_A_LAYER


def contents(folder: Path) -> Contents:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def every(dictionary: Dictionary) -> list[Latent]:
    return [dictionary[index] for index in range(len(dictionary))]


def lines(path: Path) -> list[dict[str, Any]]:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in data.decode().splitlines()]


# ---- the folder


@pytest.mark.parametrize("to", FORMATS)
def test_the_same_atlas_gives_the_same_bytes(to: str, tiny_atlas: Path, tmp_path: Path) -> None:
    ids = of_each_layer(to)
    first, again = (contents(run(tiny_atlas, to, tmp_path / name, ids)) for name in ("a", "b"))
    assert first == again
    assert json.loads(first["export.json"])["dictionaries"] == ids


def test_an_earlier_export_is_replaced_and_anything_else_refused(tiny_atlas: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    run(tiny_atlas, "labels", out)
    run(tiny_atlas, "parquet", out)
    assert not (out / "labels.csv").exists() and (out / "latents").is_dir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    for taken in (tmp_path / "mine", tmp_path / "mine" / "notes.txt"):
        with pytest.raises(InputError, match="holds something else"):
            run(tiny_atlas, "labels", taken)
    assert contents(tmp_path / "mine") == {"notes.txt": b"mine"}
    with pytest.raises(InputError, match="no format; formats: neuronpedia, circuit-tracer"):
        run(tiny_atlas, "dashboard", tmp_path / "other")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "out"]


@pytest.mark.parametrize("to", [name for name in FORMATS if name != "labels"])
def test_a_killed_export_leaves_what_was_there(to: str, tiny_atlas: Path, tmp_path: Path) -> None:
    out, ids = tmp_path / "out", of_each_layer(to)
    code = (
        "import os, sys; from pathlib import Path; from feature_atlas import open_atlas\n"
        "from interchange.export import choose, export\n"
        "atlas = open_atlas(sys.argv[1])\n"
        "export(atlas, sys.argv[2], Path(sys.argv[3]), choose(atlas, sys.argv[2], sys.argv[4:]),"
        " lambda n: os._exit(9))"
    )

    def killed() -> None:
        result = subprocess.run(
            [sys.executable, "-c", code, str(tiny_atlas), to, str(out), *ids], check=False
        )
        assert result.returncode == 9

    killed()
    assert not out.exists()
    before = contents(run(tiny_atlas, to, out, ids))
    killed()
    assert contents(out) == before
    assert contents(run(tiny_atlas, to, out, ids)) == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_served_atlas_is_exported_like_the_one_on_disk(tiny_atlas: Path, tmp_path: Path) -> None:
    with serving(tiny_atlas, tmp_path / "www") as url:
        away = contents(run(f"{url}/data", "neuronpedia", tmp_path / "away"))
    assert away == contents(run(tiny_atlas, "neuronpedia", tmp_path / "here"))


class serving:
    """A copy of a folder under /data of a server of this machine."""

    def __init__(self, folder: Path, www: Path) -> None:
        shutil.copytree(folder, www / "data")
        (www / "index.html").touch()
        self._server = make_server(www, 0)

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


# ---- Neuronpedia

Check = Callable[[Any], bool]


def text(value: Any) -> bool:
    return isinstance(value, str)


def real(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def many(kind: Check, *lengths: int) -> Check:
    return lambda v: isinstance(v, list) and all(map(kind, v)) and (not lengths or len(v) in lengths)


def maybe(kind: Check) -> Check:
    return lambda value: value is None or kind(value)


FEATURE: dict[str, Check] = {
    "modelId": text, "layer": text, "index": lambda v: text(v) and v.isdecimal(), "creatorId": text,
    "createdAt": text, "maxActApprox": real, "hasVector": lambda v: isinstance(v, bool),
    "vector": many(real), "vectorLabel": maybe(text), "vectorDefaultSteerStrength": maybe(real),
    "hookName": text, "topkCosSimIndices": many(whole), "topkCosSimValues": many(real),
    **{f"{name}_{part}": many(kind, 0, 3) for name in ("correlated_neurons", "correlated_features")
       for part, kind in (("indices", whole), ("pearson", real), ("l1", real))},
    **{f"neuron_alignment_{part}": many(kind, 0, 3)
       for part, kind in (("indices", whole), ("values", real), ("l1", real))},
    "neg_str": many(text, 0, 10), "neg_values": many(real, 0, 10),
    "pos_str": many(text, 0, 10), "pos_values": many(real, 0, 10), "frac_nonzero": real,
    **{f"{name}_hist_data_bar_{part}": many(real, 0, 50) for name in ("freq", "logits")
       for part in ("heights", "values")},
    "decoder_weights_dist": many(real), "sourceSetName": text,
}  # fmt: skip
ACTIVATION: dict[str, Check] = {
    "id": lambda v: re.fullmatch("c[a-z0-9]{24}", v) is not None, "tokens": many(text),
    "values": many(real), "maxValue": real, "maxValueTokenIndex": whole, "minValue": real,
    "modelId": text, "layer": text, "index": text, "creatorId": text, "createdAt": text, "binMin": real,
    "binMax": real, "binContains": real, "qualifyingTokenIndex": whole, "dfaValues": many(real),
    "dfaTargetIndex": maybe(whole), "dfaMaxValue": maybe(real), "lossValues": many(real),
    "logitContributions": maybe(text), "dataIndex": text, "dataSource": text,
}  # fmt: skip


def assert_fits(row: dict[str, Any], schema: dict[str, Check]) -> None:
    assert row.keys() == schema.keys()
    assert not {key: row[key] for key, check in schema.items() if not check(row[key])}


def test_neuronpedia_has_the_schema_and_the_atlas_numbers(tiny_atlas: Path, tmp_path: Path) -> None:
    atlas = open_atlas(str(tiny_atlas))
    out = run(tiny_atlas, "neuronpedia", tmp_path / "out")
    (model,) = [path for path in out.iterdir() if path.is_dir()]
    assert sorted(path.name for path in model.iterdir()) == ["0-mlp_post", "1-mlp_post", "1-tiny-sae"]
    for name in ALL:
        dictionary = atlas[name]
        folder = model / source_id(dictionary.record)
        (source,) = lines(folder / "source.jsonl")
        (set_,), (release,), (made,) = (
            lines(folder / f"{kind}.jsonl") for kind in ("sourceset", "release", "model")
        )
        assert (source["setName"], set_["releaseName"]) == (set_["name"], release["name"])
        assert (source["id"], made["id"]) == (folder.name, model.name)
        assert (made["layers"], made["neuronsPerLayer"]) == (2, 96)
        features = lines(folder / "features" / "batch-0.jsonl.gz")
        assert [int(row["index"]) for row in features] == list(range(len(dictionary)))
        rows = lines(folder / "activations" / "batch-0.jsonl.gz")
        assert len({row["id"] for row in rows}) == len(rows)
        for row in features:
            latent = dictionary[int(row["index"])]
            assert_feature(row, latent, folder.name)
            assert_activations([each for each in rows if each["index"] == row["index"]], latent)
        assert not (folder / "explanations").exists()


def assert_feature(row: dict[str, Any], latent: Latent, source: str) -> None:
    assert_fits(row, FEATURE)
    shown = latent.to_json()
    assert row["layer"] == source
    assert (row["frac_nonzero"], row["maxActApprox"]) == (shown["density"], shown["max_activation"])
    for side, key in (("pos", "promoted"), ("neg", "suppressed")):
        assert row[f"{side}_str"] == [each["token"].replace("\0", "␀") for each in shown[key]]
        assert row[f"{side}_values"] == [each["value"] for each in shown[key]]
    assert row["logits_hist_data_bar_heights"] == shown["effect_histogram"]["counts"]
    values = row["logits_hist_data_bar_values"]
    assert values[0] - row["neg_values"][0] == pytest.approx(row["pos_values"][0] - values[-1], abs=1e-5)
    assert sum(row["freq_hist_data_bar_heights"]) == pytest.approx(shown["firings"])
    near = [f"{latent.dictionary.record.id}/{i}" for i in row["topkCosSimIndices"]]
    assert near == [each["address"] for each in shown["neighbours"]]


def assert_activations(rows: list[dict[str, Any]], latent: Latent) -> None:
    for row in rows:
        assert_fits(row, ACTIVATION)
        assert len(row["tokens"]) == len(row["values"]) <= 64
        assert row["values"][row["maxValueTokenIndex"]] == row["maxValue"] == max(row["values"])
        assert row["minValue"] == min(row["values"])
    top = [row for row in rows if row["binMin"] == -1]
    assert all(row["binContains"] == -1 for row in top)
    assert [row["tokens"] for row in top] == [each.tokens for each in latent.examples("top")]
    assert [row["values"] for row in top] == [each.activations for each in latent.examples("top")]
    bands = {(band["low"], band["high"]): band for band in latent.bands() if band["examples"]}
    inside = [row for row in rows if (row["binMin"], row["binMax"]) in bands and row["binContains"] != 1]
    for row in inside:
        band = bands[row["binMin"], row["binMax"]]
        assert row["binContains"] == band["firings"] / latent.number("firings")
        activation = row["values"][row["qualifyingTokenIndex"]]
        step = max(map(abs, row["values"])) / 127
        assert row["binMin"] - step <= activation <= row["binMax"] + step
    assert len(rows) == sum(len(latent.examples(name)) for name in ("top", "bands", "random"))


def test_no_row_holds_what_a_database_can_not(tmp_path: Path) -> None:
    atlas = synthetic.hostile(tmp_path / "hostile")
    out = run(atlas, "neuronpedia", tmp_path / "out", ["resid_post.0.x"])
    data = [gzip.decompress(path.read_bytes()) for path in out.rglob("*.gz")]
    assert len(data) == 3 and not any(b"\\u0000" in each or b"\0" in each for each in data)
    assert any("␀".encode() in each for each in data)


def test_two_dictionaries_of_one_name_are_refused(tiny_atlas: Path, tmp_path: Path) -> None:
    atlas = shutil.copytree(tiny_atlas, tmp_path / "atlas")
    manifest = json.loads((atlas / "atlas.json").read_text())
    manifest["dictionaries"][2]["id"] = "mlp.post.1"  # the set is mlp-post
    manifest["dictionaries"][1]["id"] = "mlp-post.1"
    (atlas / "atlas.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="mlp-post.1 and mlp.post.1 would both be .* '1-mlp-post'"):
        run(atlas, "neuronpedia", tmp_path / "out")
    run(atlas, "neuronpedia", tmp_path / "out", ["mlp.post.1"])


# ---- the histogram in equal bins


def test_equal_bins_never_cross_what_is_known_exactly(tiny_atlas: Path) -> None:
    """The estimate below any edge lies between the exact counts at our edges on either side of it."""
    ours = np.array([0.0, *histogram_edges(), np.inf])
    for latent in every(open_atlas(str(tiny_atlas))["tiny-sae"]):
        shown = latent.to_json()["histogram"]
        below = np.cumsum([0, shown["underflow"], *shown["counts"], shown["overflow"]])
        highest = latent.number("max")
        told = np.cumsum(histogram.activations(latent)) if highest else np.zeros(50)
        for edge, count in zip(np.linspace(0, highest, 51)[1:-1], told[:-1], strict=True):
            at = np.searchsorted(ours, edge, side="right") - 1
            assert below[at] - 1e-6 <= count <= below[at + 1] + 1e-6
        assert told[-1] == pytest.approx(below[-1])


# ---- circuit-tracer


def read_packed(index: dict[str, Any], layer: int, feature: int, read: Callable[..., bytes]) -> Any:
    """As the client does: an inclusive range that goes one byte too far, a length, an inflated slice."""
    entry = index[str(layer)]
    data = read(entry["filename"], entry["offsets"][feature], entry["offsets"][feature + 1])
    length = int.from_bytes(data[:4], "little")
    return json.loads(zlib.decompress(data[4 : 4 + length], wbits=47))


def assert_record(record: dict[str, Any], latent: Latent) -> None:
    shown = latent.to_json()
    assert (record["index"], record["transcoder_id"]) == (latent.index, latent.dictionary.record.id)
    assert record["top_logits"] == [each["token"] for each in shown["promoted"]]
    assert record["bottom_logits"] == [each["token"] for each in shown["suppressed"]]
    assert (record["act_min"], record["act_max"]) == (0, shown["max_activation"])
    assert record["activation_frequency"] == shown["density"]
    assert sum(record.get("histogram", [])) == pytest.approx(shown["firings"])
    groups = {group["quantile_name"]: group["examples"] for group in record["examples_quantiles"]}
    told = [example for group in groups.values() for example in group]
    assert len(told) == sum(len(latent.examples(name)) for name in ("top", "bands", "random"))
    for example, mine in zip(groups.get("Top examples", []), latent.examples("top"), strict=True):
        assert example["tokens"] == mine.tokens
        assert example["tokens_acts_list"] == mine.activations
        assert example["train_token_ind"] == mine.peak
    seen: list[list[str]] = []
    for example in told:
        assert example["is_repeated_datapoint"] == (example["tokens"] in seen)
        seen.append(example["tokens"])


def test_packed_features_are_read_by_ranges(tiny_atlas: Path, tmp_path: Path) -> None:
    atlas = open_atlas(str(tiny_atlas))
    features = run(tiny_atlas, "circuit-tracer", tmp_path / "out", ONE_A_LAYER) / "features"
    index = json.loads(gzip.decompress((features / "index.json.gz").read_bytes()))

    def from_disk(name: str, first: int, last: int) -> bytes:
        return (features / name).read_bytes()[first : last + 1]

    for layer, name in enumerate(ONE_A_LAYER):
        offsets = index[str(layer)]["offsets"]
        assert len(offsets) == len(atlas[name]) + 1
        assert offsets[-1] == (features / index[str(layer)]["filename"]).stat().st_size
        for feature in range(len(atlas[name])):
            assert_record(read_packed(index, layer, feature, from_disk), atlas[name][feature])
    with serving(features, tmp_path / "www") as url:
        connection = http.client.HTTPConnection(url.removeprefix("http://"))

        def from_server(name: str, first: int, last: int) -> bytes:
            connection.request("GET", f"/data/{name}", headers={"Range": f"bytes={first}-{last}"})
            response = connection.getresponse()
            assert response.status == 206
            return response.read()

        connection.request("GET", "/data/index.json.gz")
        assert json.loads(gzip.decompress(connection.getresponse().read())) == index
        for feature in (0, 7, len(atlas["tiny-sae"]) - 1):
            assert_record(read_packed(index, 1, feature, from_server), atlas["tiny-sae"][feature])
        connection.close()


def test_feature_files_are_named_by_the_pairing(tiny_atlas: Path, tmp_path: Path) -> None:
    atlas = open_atlas(str(tiny_atlas))
    (folder,) = (run(tiny_atlas, "feature-json", tmp_path / "out", ONE_A_LAYER) / "features").iterdir()
    unread = {int(path.stem) for path in folder.iterdir()}
    for number in list(unread):
        w = (math.isqrt(8 * number + 1) - 1) // 2
        index = number - w * (w + 1) // 2
        latent = atlas[ONE_A_LAYER[w - index]][index]
        assert_record(json.loads((folder / f"{number}.json").read_text()), latent)
        unread.remove(number)
    assert not unread and len(list(folder.iterdir())) == sum(len(atlas[name]) for name in ONE_A_LAYER)


@pytest.mark.parametrize("to", ["circuit-tracer", "feature-json"])
def test_a_layer_has_one_dictionary(to: str, tiny_atlas: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="mlp_post.1 and tiny-sae are both at layer 1"):
        run(tiny_atlas, to, tmp_path / "out")
    assert not list(tmp_path.iterdir())


# ---- HeadVis


def test_headvis_holds_scores_and_windows_of_every_head(tiny_atlas: Path, tmp_path: Path) -> None:
    atlas = open_atlas(str(tiny_atlas))
    (config_path,) = run(tiny_atlas, "headvis", tmp_path / "out").glob("*/headvis/*/config.json")
    tree = config_path.parent
    config = json.loads(config_path.read_text())
    assert config.keys() == {
        "model_name", "dataset_name", "heads", "n_layers", "n_heads", "n_intervals", "metrics",
        "metric_descriptions", "head_data_pattern", "has_umap", "umap_heads", "custom_plots", "custom_tables",
        "statistics_display", "pipeline_config",
    }  # fmt: skip
    assert config["heads"] == [[layer, head] for layer in range(2) for head in range(3)]
    scatter = json.loads((tree / "scatter_data.json").read_text())
    for row in scatter:
        assert {key: row[key] for key in config["metrics"]} == atlas.heads(f"attn.{row['layer']}")[
            row["head"]
        ].scores
    for stub in ("server_config.json", "attributions/manifest.json"):
        assert json.loads((tree / stub).read_text()) == {}
    for layer, index in config["heads"]:
        name = config["head_data_pattern"].format(layer=layer, head=index)
        assert_head(json.loads((tree / "heads" / name).read_text()), atlas.heads(f"attn.{layer}")[index])


def assert_head(told: dict[str, Any], head: Head) -> None:
    examples = [each for section in ("random", "attention", "write") for each in head.examples(section)]
    by_distance = np.zeros(4096)
    for sequence, mine in zip(told["sequences"], examples, strict=True):
        assert sequence["tokens"] == mine.tokens and sequence["seq_len"] == len(mine.tokens)
        attention = np.zeros(len(mine.tokens) ** 2)
        attention[sequence["attention_indices"]] = sequence["attention_values"]
        attention = attention.reshape(len(mine.tokens), -1)
        assert ((attention > 0).sum(axis=1) <= 8).all() and attention[attention > 0].min() >= 0.005
        kept = mine.attention >= 0.005
        assert np.abs(attention - mine.attention)[kept].max() <= 5e-5 and not attention[~kept].any()
        assert sequence["max_activation"] == pytest.approx(mine.attention[1:, 1:].max(), abs=5e-5)
        for query, key in zip(*np.nonzero(attention), strict=True):
            by_distance[query - key] += attention[query, key]
    distances = told["qk_distance_histogram"]
    sums = [by_distance[low:high].sum() for low, high in itertools.pairwise(distances["bin_edges"])]
    assert distances["bin_values"] == pytest.approx(sums, abs=1e-3)
    assert [s["interval"] for s in told["sequences"]] == sorted(s["interval"] for s in told["sequences"])
    shown = head.to_json()
    assert told["histogram"]["bin_values"] == shown["max_histogram"]["counts"]
    assert len(told["histogram"]["bin_edges"]) == 51
    for side in ("query", "key"):
        weights = {each["token"]: each["weight"] for each in told[f"top_{side}_tokens"]}
        assert weights == {each["token"]: each["share"] for each in shown[f"{side}_tokens"]}
    assert told["statistics"] == {
        "n_samples": len(examples),
        "mean_max_activation": head.scores["mean_max_attention"],
    }


# ---- Parquet

FIELDS = [field.name for field in dataclasses.fields(Example)]


@pytest.mark.parametrize("name", ALL)
def test_tables_hold_what_the_atlas_holds(name: str, tiny_atlas: Path, tmp_path: Path) -> None:
    dictionary = open_atlas(str(tiny_atlas))[name]
    out = run(tiny_atlas, "parquet", tmp_path / "out")
    latents = pq.read_table(out / "latents" / f"{name}.parquet").to_pylist()
    examples = pq.read_table(out / "examples" / f"{name}.parquet").to_pylist()
    assert len(latents) == len(dictionary) and latents[0].keys() == dictionary[0].summary().keys()
    for row, latent in zip(latents, every(dictionary), strict=True):
        assert row == latent.summary()
        mine = [each for each in examples if each["address"] == latent.address]
        for section in ("top", "bottom", "random"):
            told = [each for each in mine if each["section"] == section]
            wanted = [vars(example) for example in latent.examples(section)]
            assert [{key: row[key] for key in FIELDS} for row in told] == wanted
        banded = [each for each in mine if each["section"] == "band"]
        assert [each["activation"] for each in banded] == [e.activation for e in latent.examples("bands")]
        assert all(each["band_low"] <= each["activation"] <= each["band_high"] for each in banded)


# ---- reading in bulk


@pytest.mark.parametrize("name", ALL)
def test_shards_are_the_latents_one_by_one(name: str, tiny_atlas: Path) -> None:
    dictionary = open_atlas(str(tiny_atlas))[name]
    whole_ = [latent for shard in dictionary.shards() for latent in shard]
    assert [latent.to_json() for latent in whole_] == [latent.to_json() for latent in every(dictionary)]


def test_a_damaged_shard_is_an_error(tiny_atlas: Path, tmp_path: Path) -> None:
    atlas = shutil.copytree(tiny_atlas, tmp_path / "atlas")
    shard = next(atlas.rglob("tiny-sae.zarr/card/floats/c/0/0"))
    data = bytearray(shard.read_bytes())
    data[40] ^= 0xFF
    shard.write_bytes(bytes(data))
    with pytest.raises(FormatError, match="damaged"):
        list(open_atlas(str(atlas))["tiny-sae"].shards())
