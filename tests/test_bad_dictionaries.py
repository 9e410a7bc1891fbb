"""Damaged, ambiguous and hostile dictionaries: turned away with a reason, or read as their shapes tell."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from feature_atlas.errors import AddressError, AtlasError, InputError
from pipeline.core.dictionary_spec import DictionaryParams, from_text, parse_spec
from tests import tiny
from tests.goldens import malicious
from tests.goldens.common import GOLDENS
from tests.goldens.dunefsky import training_code
from tests.tiny import D_MODEL, N_LATENTS

WIDTH = 16  # of the goldens
Arrays = dict[str, torch.Tensor]


def copied(golden: str, folder: Path) -> Path:
    shutil.copytree(GOLDENS / golden, folder / "d")
    return folder / "d"


def changed(golden: str, folder: Path, change: object) -> Path:
    """A copy of a SAELens golden with other arrays."""
    path = copied(golden, folder)
    arrays = load_file(path / "sae_weights.safetensors")
    change(arrays)  # type: ignore[operator]
    save_file({name: array.contiguous() for name, array in arrays.items()}, path / "sae_weights.safetensors")
    return path


def test_weights_the_other_way_round_are_turned(tmp_path: Path) -> None:
    def turn(arrays: Arrays) -> None:
        arrays["W_enc"], arrays["W_dec"] = arrays["W_enc"].T, arrays["W_dec"].T

    turned = tiny.load(f"{changed('sae_lens/topk', tmp_path, turn)}@resid_post.0", width=WIDTH)
    plain = tiny.load(f"{GOLDENS}/sae_lens/topk@resid_post.0", width=WIDTH)
    for name, array in plain.arrays().items():
        assert torch.equal(turned.arrays()[name], array), name


def test_a_square_dictionary_must_be_named(tmp_path: Path) -> None:
    """Its matrices fit either way round."""
    n = D_MODEL
    arrays = {"W_enc": torch.randn(n, n), "W_dec": torch.randn(n, n)}
    arrays |= {"b_enc": torch.zeros(n), "b_dec": torch.zeros(n)}
    folder = tiny.write_saelens(tmp_path / "d", arrays, architecture="standard")
    with pytest.raises(InputError, match=r"could lie either way round; say whose .* saelens:"):
        tiny.load(f"{folder}@resid_post.0")
    assert torch.equal(tiny.load(f"saelens:{folder}@resid_post.0").W_enc, arrays["W_enc"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: a.pop("b_enc"), r"sae_weights.safetensors lacks b_enc; it has: W_dec, W_enc, b_dec"),
        (lambda a: a.update(b_dec=a["b_dec"][:-1]), r"b_dec has shape \[15\], expected \[16\]"),
        (lambda a: a.update(W_enc=a["W_enc"][:-1]), r"W_enc has shape \[15, 24\], expected \[16, 24\]"),
        (lambda a: a.update(W_dec=a["W_dec"][None]), r"W_dec has shape \[1, 24, 16\], expected \[24, 16\]"),
        (lambda a: a.update(b_enc=a["b_enc"][None]), r"b_enc has shape \[1, 24\]; it should be a vector"),
        (lambda a: a["W_dec"].__setitem__((3, 3), torch.nan), "W_dec holds values that are not finite"),
        (lambda a: a["b_enc"].__setitem__(3, torch.inf), "b_enc holds values that are not finite"),
        (lambda a: a.update(scaling_factor=torch.full((24,), 1.5)), "scaling_factor is not 1 throughout"),
    ],
)
def test_arrays_that_do_not_fit(change: object, words: str, tmp_path: Path) -> None:
    path = changed("sae_lens/standard", tmp_path, change)
    with pytest.raises(InputError, match=words):
        tiny.load(f"{path}@resid_post.0", width=WIDTH)


@pytest.mark.parametrize("golden", ["sae_lens/standard", "openai/v5/autoencoders/1.pt", "sparsify/topk/h.1"])
def test_a_dictionary_for_another_width(golden: str) -> None:
    with pytest.raises(InputError, match=r"expected .*: this dictionary belongs to another model"):
        tiny.load(f"{GOLDENS / golden}@resid_post.0", width=24)


@pytest.mark.parametrize(
    ("golden", "file"),
    [
        ("sae_lens/standard", "sae_weights.safetensors"),
        ("sparsify/topk", "h.1/sae.safetensors"),
        ("circuit_tracer/relu", "layer_1.safetensors"),
        ("openai/v5", "autoencoders/1.pt"),
        ("dictionary_learning/topk", "trainer_0/ae.pt"),
        ("dunefsky/pt", "transcoder.pt"),
    ],
)
@pytest.mark.parametrize("kept", [0, 10, 0.5, 0.99])
def test_cut_short(golden: str, file: str, kept: float, tmp_path: Path) -> None:
    path = copied(golden, tmp_path) / file
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole)) if kept < 1 else kept])  # type: ignore[misc]
    place = path if golden.startswith(("openai", "dunefsky")) else path.parent
    at = "@ln2_out.1:mlp_out.1" if golden.startswith(("circuit", "dunefsky")) else "@resid_mid.1"
    with pytest.raises(InputError, match=r"can't read|is refused|holds a"):
        tiny.load(f"{place}{at}", width=WIDTH)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, r"is no dictionary's folder that is known here. Known: saelens: cfg.json, sae_weights"),
        ({"cfg.json": "{", "sae_weights.safetensors": ""}, "cfg.json is not JSON"),
        ({"cfg.json": "[]", "sae_weights.safetensors": ""}, "is not a mapping of settings"),
        ({"cfg.json": "{}", "sae.safetensors": ""}, "can't read .*sae.safetensors"),
        ({"config.json": "{}", "ae.pt": ""}, "dict_class is None; read here: AutoEncoder"),
        ({"config.yaml": "- a"}, "model_kind is None"),
        ({"config.yaml": "a: ["}, "is not YAML"),
        ({"config.yaml": "model_kind: transcoder_set"}, "lacks layer_0.safetensors"),
    ],
)
def test_folders_that_are_none(files: dict[str, str], words: str, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=words):
        tiny.load(f"{tmp_path}@resid_post.0")


def test_a_missing_layer_of_a_set(tmp_path: Path) -> None:
    path = copied("circuit_tracer/relu", tmp_path)
    (path / "layer_1.safetensors").unlink()
    with pytest.raises(InputError, match=r"lacks layer_1.safetensors"):
        tiny.load(str(path), width=WIDTH)


@pytest.mark.parametrize("place", malicious.PLACES, ids=lambda place: place.__name__)
@pytest.mark.parametrize("family", malicious.PICKLED)
def test_a_pickle_that_runs_code_leaves_no_trace(
    family: str, place: Callable[[str, Any, malicious.Touch], Any], tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    path = malicious.write(family, place, tmp_path / "d", trace)
    with pytest.raises(InputError, match="is refused: it is not arrays alone, and reading it could run"):
        tiny.load(f"{path}@{'ln2_out.1:mlp_out.1' if family == 'dunefsky' else 'resid_mid.1'}", width=WIDTH)
    assert not trace.exists()
    with training_code():
        torch.load(path, weights_only=False)
    assert trace.exists(), "it would have run code"


def test_other_layouts_of_pickles_leave_no_trace(tmp_path: Path) -> None:
    for path in malicious.write_bare(tmp_path / "d", tmp_path / "trace"):
        for family in ("", "openai:", "transcoder_circuits:"):
            with pytest.raises(InputError):
                tiny.load(f"{family}{path}@resid_mid.1", width=WIDTH)
    assert not (tmp_path / "trace").exists()


def test_other_pickles_are_none_of_ours(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(3)}, tmp_path / "x.pt")
    with pytest.raises(InputError, match=r"is no dictionary that is known here; it holds: weight"):
        tiny.load(f"{tmp_path / 'x.pt'}@resid_post.0")
    torch.save([torch.zeros(3)], tmp_path / "y.pt")
    with pytest.raises(InputError, match="holds a list, not named arrays"):
        tiny.load(f"{tmp_path / 'y.pt'}@resid_post.0")


def test_nothing_of_a_huge_file_is_read_to_refuse_it(tmp_path: Path) -> None:
    """Ten gigabytes that are not on the disk: reading them would take minutes and all memory."""
    n = 10 * 2**30 // (4 * 768)
    header = json.dumps(
        {
            "W_enc": {"dtype": "F32", "shape": [768, n], "data_offsets": [0, 4 * 768 * n]},
            "b_enc": {"dtype": "F32", "shape": [n], "data_offsets": [4 * 768 * n, 4 * 769 * n]},
            "W_dec": {"dtype": "F32", "shape": [1, 1], "data_offsets": [4 * 769 * n, 4 * 769 * n + 4]},
            "b_dec": {"dtype": "F32", "shape": [1], "data_offsets": [4 * 769 * n + 4, 4 * 769 * n + 8]},
        }
    ).encode()
    header += b" " * (-len(header) % 8)
    with (tmp_path / "sae_weights.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + 4 * 769 * n + 8)
    (tmp_path / "cfg.json").write_text("{}")
    with pytest.raises(InputError, match=rf"W_dec has shape \[1, 1\], expected \[{n}, 768\]"):
        tiny.load(f"{tmp_path}@resid_post.0", width=768)


@pytest.mark.parametrize(
    "text", ["@resid_post.0", "d@", "saelens:@resid_post.0", "d@resid_post", "d@nowhere.1"]
)
def test_specs_that_are_none(text: str) -> None:
    with pytest.raises(AtlasError, match=r"ID=\[FORMAT:\]PATH\[@IN\[:OUT\]\]"):
        parse_spec("d", text)


def test_specs_taken_apart() -> None:
    assert from_text("d", "openai:a:b/8.pt@resid_post.8").model_dump(exclude_defaults=True) == {
        "path": "a:b/8.pt",
        "format": "openai",
        "hook_in": "resid_post.8",
    }
    assert from_text("d", "hf:owner/repo/folder") == DictionaryParams(path="hf:owner/repo/folder")
    given = from_text("d", "https://user@host/tc@ln2_out.6:mlp_out.6")
    assert given == DictionaryParams(path="https://user@host/tc", hook_in="ln2_out.6", hook_out="mlp_out.6")
    with pytest.raises(AddressError, match="'d'"):
        parse_spec("d", DictionaryParams(path="x", hook_in="resid_post"))


def test_hook_points_of_the_files_are_used_when_none_are_given() -> None:
    found = {
        "sae_lens/standard": ("resid_pre.1", "resid_pre.1"),
        "sae_lens/transcoder": ("ln2_out.1", "mlp_out.1"),
        "sparsify/topk/h.1": ("resid_post.1", "resid_post.1"),
        "sparsify/transcoder/h.1.mlp": ("ln2_out.1", "mlp_out.1"),
        "dunefsky/pt/transcoder.pt": ("ln2_out.1", "mlp_out.1"),
    }
    for golden, (hook_in, hook_out) in found.items():
        spec = parse_spec("d", str(GOLDENS / golden))
        out = 12 if hook_out != hook_in and "sparsify" not in golden else 16
        (dictionary,) = tiny.load_all(spec, lambda point, out=out: out if point.point == "mlp_out" else 16)
        assert (str(dictionary.hook_in), str(dictionary.hook_out)) == (hook_in, hook_out), golden


def test_a_set_is_one_dictionary_for_each_layer() -> None:
    place = f"circuit-tracer:{GOLDENS / 'circuit_tracer' / 'relu'}"
    every = tiny.load_all(parse_spec("tc", place), lambda _: WIDTH)
    assert [each.id for each in every] == ["tc.0", "tc.1", "tc.2"]
    assert [each.hook_in.layer for each in every] == [0, 1, 2]
    (one,) = tiny.load_all(parse_spec("tc", f"{place}@ln2_out.2:mlp_out.2"), lambda _: WIDTH)
    assert one.id == "tc"
    assert torch.equal(one.bias, every[2].bias)
    with pytest.raises(InputError, match=r"has layers 0..2, not ln2_out.3"):
        tiny.load_all(parse_spec("tc", f"{place}@ln2_out.3:mlp_out.3"), lambda _: WIDTH)


def test_what_is_fetched_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder at a URL that lists its files; the second time nothing needs to be there."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tiny.write_dictionary(tmp_path / "sae")
    first = tiny.load(f"file://{folder}@resid_post.0")
    shutil.rmtree(folder)
    again = tiny.load(f"file://{folder}@resid_post.0")
    assert first.weights == again.weights and first.n_latents == N_LATENTS
    with pytest.raises(AtlasError, match="no dictionary at file://"):
        tiny.load(f"file://{tmp_path / 'nowhere'}@resid_post.0")
    assert np.array_equal(first.bias.numpy(), again.bias.numpy())


def test_a_web_server_is_asked_for_the_files_of_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lists nothing. A query, which may hold a key, is told nowhere."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    handler = partial(SimpleHTTPRequestHandler, directory=str(GOLDENS))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        at = f"http://127.0.0.1:{server.server_port}"
        folder = tiny.load(f"{at}/sae_lens/topk@resid_post.0", width=WIDTH)
        file = tiny.load(f"{at}/openai/v5/autoencoders/1.pt?sig=SECRET@resid_post.0", width=WIDTH)
        with pytest.raises(InputError, match=r"no dictionary at http://127.0.0.1:\d+/sae_lens/nowhere; give"):
            tiny.load(f"{at}/sae_lens/nowhere@resid_post.0")
        server.shutdown()
    assert folder.source == f"{at}/sae_lens/topk"
    assert file.source == f"{at}/openai/v5/autoencoders/1.pt"
    kept = [path.as_posix() for path in (tmp_path / "cache").rglob("*")]
    assert not [path for path in kept if "SECRET" in path]
    assert (folder.architecture, file.family) == ("topk", "openai")


def test_openai_keeps_the_hook_point_in_the_path(tmp_path: Path) -> None:
    path = tmp_path / "gpt2-small" / "resid_post_mlp_v5_32k" / "autoencoders" / "8.pt"
    path.parent.mkdir(parents=True)
    shutil.copyfile(GOLDENS / "openai/v5/autoencoders/1.pt", path)
    assert str(tiny.load(str(path), width=WIDTH).hook_in) == "resid_post.8"
    with pytest.raises(InputError, match="its files name no hook point that is known here; give one, as in"):
        tiny.load(str(GOLDENS / "openai/v5/autoencoders/1.pt"), width=WIDTH)


def test_the_hub_is_asked_for_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, list[str]]] = []

    def snapshot(repo: str, allow_patterns: list[str]) -> str:
        asked.append((repo, allow_patterns))
        if repo == "owner/gone":
            raise OSError("404 Client Error")
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    tiny.write_dictionary(tmp_path / "deep" / "sae")
    dictionary = tiny.load("hf:owner/repo/deep/sae@resid_post.0")
    assert asked == [("owner/repo", ["deep/sae", "deep/sae/*"])]
    assert dictionary.source == "hf:owner/repo/deep/sae"
    with pytest.raises(InputError, match="hf:owner/repo/other: owner/repo has no other"):
        tiny.load("hf:owner/repo/other@resid_post.0")
    with pytest.raises(InputError, match=r"the hub did not give 'owner/gone' \(404 Client Error\)"):
        tiny.load("hf:owner/gone@resid_post.0")
