"""What all goldens share: sizes, random weights that no default hides, and the writing of expectations."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

GOLDENS = Path(__file__).parent
D_IN, D_OUT, N_LATENTS, N, K = 16, 12, 24, 10, 5
DEAD = (5, 17, 22)  # latents that never fire, whatever the activation function


def fresh(family: str, variant: str) -> Path:
    """The golden's folder, empty."""
    folder = GOLDENS / family / variant
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def random_weights(
    seed: int, d_in: int = D_IN, d_out: int = D_IN, n_latents: int = N_LATENTS
) -> dict[str, Array]:
    """Weights of every kind of dictionary, float32, latents by their norms far from 1 and biases from 0.

    W_enc [d_in, n_latents], W_dec [n_latents, d_out], W_skip [d_out, d_in]; b_enc, b_gate, b_mag,
    r_mag, threshold, scaling_factor [n_latents]; b_in [d_in], b_dec [d_out].
    """
    rng = np.random.default_rng(seed)
    dead = [latent for latent in DEAD if latent < n_latents]

    def biases(size: int, scale: float, mean: float = 0.0) -> Array:
        return rng.normal(mean, scale, size)

    weights = {
        "W_enc": rng.normal(size=(d_in, n_latents)) * rng.uniform(0.2, 0.6, n_latents),
        "W_dec": rng.normal(size=(n_latents, d_out)) * rng.uniform(0.1, 0.9, n_latents)[:, None],
        "W_skip": rng.normal(size=(d_out, d_in)) / d_in**0.5,
        "b_enc": biases(n_latents, 0.5, -0.2),
        "b_gate": biases(n_latents, 0.5, -0.2),
        "b_mag": biases(n_latents, 0.5, 0.3),
        "r_mag": biases(n_latents, 0.5),
        "threshold": rng.uniform(0.2, 1.5, n_latents),
        "scaling_factor": rng.uniform(0.5, 1.5, n_latents),
        "b_in": biases(d_in, 0.8),
        "b_dec": biases(d_out, 0.8),
    }
    for name in ("b_enc", "b_gate"):
        weights[name][dead] = -1e3
    return {name: array.astype(np.float32) for name, array in weights.items()}


def random_inputs(seed: int, n: int = N, d_in: int = D_IN) -> Array:
    """Activations [n, d_in] of mean not 0; beside the spread of the last an epsilon of 1e-5 shows."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0.6, 1.5, (n, d_in))
    x[-1] = rng.normal(2e-4, 3e-4, d_in)
    return x.astype(np.float32)


def expect(folder: Path, x: Array, latents: Array, reconstruction: Array, **more: Array) -> None:
    """Write expected.npz, having seen that some latents fire and others never do."""
    fires = (latents != 0).reshape(-1, latents.shape[-1]).any(axis=0)
    assert fires.any() and not fires.all(), folder
    arrays = {"x": x, "latents": latents, "reconstruction": reconstruction, **more}
    assert all(np.isfinite(array).all() for array in arrays.values()), folder
    as_float32 = {name: np.asarray(array, dtype=np.float32) for name, array in arrays.items()}
    np.savez_compressed(folder / "expected.npz", **as_float32)  # pyright: ignore[reportArgumentType]
