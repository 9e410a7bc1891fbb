"""Every family of dictionaries, in files that the family's own library wrote, against what it computed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.core.dictionaries import Dictionary
from pipeline.core.dictionary_spec import DictionaryParams, parse_spec
from pipeline.core.load_dictionary import load_dictionary

GOLDENS = Path(__file__).parent / "goldens"


def goldens(family: str) -> list[str]:
    return sorted(path.parent.name for path in (GOLDENS / family).glob("*/expected.npz"))


def loaded(path: Path, **given: object) -> list[Dictionary]:
    with np.load(
        next(p for p in (path, *path.parents) if (p / "expected.npz").is_file()) / "expected.npz"
    ) as file:
        d_in, d_out = file["x"].shape[-1], file["reconstruction"].shape[-1]
    spec = parse_spec("d", DictionaryParams(path=str(path), **given))
    return load_dictionary(spec, lambda point: d_out if point == spec.hook_out else d_in)


def check(dictionary: Dictionary, x: np.ndarray, latents: np.ndarray, reconstruction: np.ndarray) -> None:
    read = torch.from_numpy(x)
    acts = dictionary.encode(read)
    np.testing.assert_allclose(acts.numpy(), latents, rtol=1e-5, atol=1e-5 * np.abs(latents).max())
    y = dictionary.decode(torch.from_numpy(latents), read).numpy()
    np.testing.assert_allclose(y, reconstruction, rtol=1e-4, atol=1e-4 * np.abs(reconstruction).max())


@pytest.mark.parametrize("variant", goldens("openai"))
def test_openai(variant: str) -> None:
    (dictionary,) = loaded(GOLDENS / "openai" / variant / "autoencoders" / "1.pt", hook_in="resid_post.1")
    with np.load(GOLDENS / "openai" / variant / "expected.npz") as golden:
        check(dictionary, golden["x"], golden["latents"], golden["reconstruction"])
