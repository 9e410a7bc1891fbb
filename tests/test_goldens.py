"""The goldens are whole, small and as their equations say; malicious ones do harm where no care is taken."""

from __future__ import annotations

import gzip
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.goldens import dunefsky, malicious, openai
from tests.goldens.common import GOLDENS
from tests.goldens.make import MODULES

TO_REFUSE = {
    "sae_lens/checkpoint_batchtopk",
    "sae_lens/temporal",
    "sae_lens/matching_pursuit",
    "sae_lens_pre6/scaled",
    "sae_lens_pre6/tanh_relu",
}
VARIANTS = [path for family in MODULES for path in sorted((GOLDENS / family).iterdir())]


def test_all_are_small() -> None:
    kept = [path for path in GOLDENS.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert sum(path.stat().st_size for path in kept) < 750_000


@pytest.mark.parametrize("folder", VARIANTS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_expectations_can_fail_a_reader(folder: Path) -> None:
    if f"{folder.parent.name}/{folder.name}" in TO_REFUSE or folder.parent.name == "transformer_lens":
        assert not (folder / "expected.npz").exists()
        return
    expected = np.load(folder / "expected.npz")
    latents = expected["latents"]
    fires = (latents != 0).reshape(-1, latents.shape[-1]).any(axis=0)
    assert fires.any() and not fires.all()
    assert latents.shape[:-1] == expected["x"].shape[:-1] == expected["reconstruction"].shape[:-1]
    assert np.abs(expected["reconstruction"].mean(axis=-2)).max() > 0.1


@pytest.mark.parametrize("variant", ["v1", "v1_old_torch", "v4", "v5", "v5_resaved", "topk_signed"])
def test_openai_files_and_equations_agree(variant: str) -> None:
    folder = GOLDENS / "openai" / variant
    stored = torch.load(folder / "autoencoders" / "1.pt", weights_only=True)
    arrays = {name: value.numpy() for name, value in stored.items() if isinstance(value, torch.Tensor)}
    activation = stored.get("activation_state_dict", {})
    expected = np.load(folder / "expected.npz")
    signed = activation.get("postact_fn") == "Identity"
    latents, reconstruction = openai.forward(arrays, expected["x"], activation.get("k"), signed)
    np.testing.assert_allclose(latents, expected["latents"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(reconstruction, expected["reconstruction"], rtol=1e-5, atol=1e-6)
    assert (latents < 0).any() == signed


def test_dunefsky_files_name_a_class_nobody_has() -> None:
    with pytest.raises(pickle.UnpicklingError, match="sae_training.config.LanguageModelSAERunnerConfig"):
        torch.load(GOLDENS / "dunefsky" / "pt" / "transcoder.pt", weights_only=True)
    with dunefsky.training_code():
        stored = torch.load(GOLDENS / "dunefsky" / "pt" / "transcoder.pt", weights_only=False)
    for name, array in dunefsky.state_dict(900).items():
        torch.testing.assert_close(stored["state_dict"][name], array)


@pytest.mark.parametrize("family", malicious.PICKLED)
@pytest.mark.parametrize("place", malicious.PLACES)
def test_malicious_files_do_harm_without_care(family: str, place: Callable[..., Any], tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    path = malicious.write(family, place, tmp_path / "folder", trace)
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path, weights_only=True)
    assert not trace.exists()
    with dunefsky.training_code():
        torch.load(path, weights_only=False)
    assert trace.exists()


def test_malicious_bare_pickles_do_harm_without_care(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    bare, packed = malicious.write_bare(tmp_path / "folder", trace)
    assert not trace.exists()
    pickle.loads(bare.read_bytes())
    trace.unlink()
    pickle.loads(gzip.decompress(packed.read_bytes()))
    assert trace.exists()
