"""What dictionaries compute, against the formulas in numpy; and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from feature_atlas.errors import InputError
from pipeline.core.dictionaries import load_dictionary, parse_spec
from tests import tiny
from tests.tiny import D_MODEL, K

PLACES = {
    "standard": "resid_post.1",
    "topk": "resid_post.1",
    "jumprelu": "attn_out.0",
    "transcoder": "ln2_out.1:mlp_out.1",
    "jumprelu_transcoder": "ln2_out.0:mlp_out.0",
}


@pytest.mark.parametrize("architecture", PLACES)
def test_encode_and_decode_follow_the_formula(architecture: str, tmp_path: Path) -> None:
    folder = tiny.write_dictionary(tmp_path, architecture=architecture)
    dictionary = load_dictionary(parse_spec("d", f"{folder}@{PLACES[architecture]}"), D_MODEL, D_MODEL)
    w = load_file(folder / "sae_weights.safetensors")
    x = np.random.default_rng(0).normal(size=(50, D_MODEL)).astype(np.float32)
    acts = dictionary.encode(torch.from_numpy(x)).numpy()
    is_transcoder = architecture.endswith("transcoder")
    pre = (x if is_transcoder else x - w["b_dec"]) @ w["W_enc"] + w["b_enc"]
    expected = np.maximum(pre, 0)
    if architecture == "topk":
        expected[pre < np.sort(pre, axis=1)[:, -K, None]] = 0
    if architecture.startswith("jumprelu"):
        expected[pre <= w["threshold"]] = 0
    assert (expected > 0).any(axis=0).all()
    np.testing.assert_allclose(acts, expected, rtol=1e-5, atol=1e-6)
    decoded = dictionary.decode(torch.from_numpy(expected)).numpy()
    np.testing.assert_allclose(decoded, expected @ w["W_dec"] + w["b_dec"], rtol=1e-5, atol=1e-5)
    assert dictionary.kind == ("transcoder" if is_transcoder else "sae")
    assert str(dictionary.hook_out) == PLACES[architecture].split(":")[-1]


@pytest.mark.parametrize(
    ("architecture", "at", "words"),
    [
        ("transcoder", "ln2_out.1", "say where it writes"),
        ("topk", "ln2_out.1:mlp_out.1", "is an SAE"),
        ("gated", "resid_post.1", "'jumprelu_transcoder'"),
    ],
)
def test_wrong_hook_points(architecture: str, at: str, words: str, tmp_path: Path) -> None:
    folder = tiny.write_dictionary(tmp_path, architecture=architecture)
    with pytest.raises(InputError, match=words):
        load_dictionary(parse_spec("d", f"{folder}@{at}"), D_MODEL, D_MODEL)


@pytest.mark.parametrize(
    ("architecture", "change", "words"),
    [
        ("transcoder", {"apply_b_dec_to_input": True}, "apply_b_dec_to_input is True"),
        ("standard", {"apply_b_dec_to_input": False}, "apply_b_dec_to_input is False"),
        ("standard", {"normalize_activations": "layer_norm"}, "normalize_activations is 'layer_norm'"),
    ],
)
def test_what_is_not_read_is_refused(
    architecture: str, change: dict[str, object], words: str, tmp_path: Path
) -> None:
    folder = tiny.write_dictionary(tmp_path, architecture=architecture)
    config = json.loads((folder / "cfg.json").read_text())
    (folder / "cfg.json").write_text(json.dumps({**config, **change}))
    with pytest.raises(InputError, match=words):
        load_dictionary(parse_spec("d", f"{folder}@{PLACES[architecture]}"), D_MODEL, D_MODEL)


def test_a_jumprelu_needs_its_threshold(tmp_path: Path) -> None:
    folder = tiny.write_dictionary(tmp_path)
    config = json.loads((folder / "cfg.json").read_text())
    (folder / "cfg.json").write_text(json.dumps({**config, "architecture": "jumprelu"}))
    with pytest.raises(InputError, match="lacks threshold"):
        load_dictionary(parse_spec("d", f"{folder}@resid_post.1"), D_MODEL, D_MODEL)
