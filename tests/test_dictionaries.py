"""What dictionaries compute, against the formulas in numpy; and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from feature_atlas.errors import InputError
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
    dictionary = tiny.load(f"{folder}@{PLACES[architecture]}")
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
    decoded = dictionary.decode(torch.from_numpy(expected), torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(decoded, expected @ w["W_dec"] + w["b_dec"], rtol=1e-5, atol=1e-5)
    assert dictionary.kind == ("transcoder" if is_transcoder else "sae")
    assert str(dictionary.hook_out) == PLACES[architecture].split(":")[-1]


@pytest.mark.parametrize(
    ("architecture", "at", "words"),
    [
        ("transcoder", "ln2_out.1", "say where it writes"),
        ("topk", "ln2_out.1:mlp_out.1", "is an SAE"),
        ("temporal", "resid_post.1", "'jumprelu_transcoder'"),
    ],
)
def test_wrong_hook_points(architecture: str, at: str, words: str, tmp_path: Path) -> None:
    folder = tiny.write_dictionary(tmp_path, architecture=architecture)
    with pytest.raises(InputError, match=words):
        tiny.load(f"{folder}@{at}")


@pytest.mark.parametrize(
    ("architecture", "change", "words"),
    [
        ("transcoder", {"apply_b_dec_to_input": True}, "apply_b_dec_to_input is True"),
        ("standard", {"normalize_activations": "covariance_whitening"}, "is 'covariance_whitening'; read"),
        ("standard", {"normalize_activations": "expected_average_only_in"}, "give it as norm_scale"),
        ("standard", {"hook_head_index": 3}, "hook_head_index is 3"),
        ("standard", {"finetuning_scaling_factor": True}, "finetuning_scaling_factor is True"),
        ("topk", {"k": 0}, "k is 0, not a whole number in 1..40"),
        ("topk", {"k": 41}, "k is 41"),
        ("topk", {"k": "5"}, "k is '5'"),
    ],
)
def test_what_is_not_read_is_refused(
    architecture: str, change: dict[str, object], words: str, tmp_path: Path
) -> None:
    folder = tiny.write_dictionary(tmp_path, architecture=architecture)
    config = json.loads((folder / "cfg.json").read_text())
    (folder / "cfg.json").write_text(json.dumps({**config, **change}))
    with pytest.raises(InputError, match=words):
        tiny.load(f"{folder}@{PLACES[architecture]}")


def test_a_jumprelu_needs_its_threshold(tmp_path: Path) -> None:
    folder = tiny.write_dictionary(tmp_path)
    config = json.loads((folder / "cfg.json").read_text())
    (folder / "cfg.json").write_text(json.dumps({**config, "architecture": "jumprelu"}))
    with pytest.raises(InputError, match="lacks threshold"):
        tiny.load(f"{folder}@resid_post.1")
