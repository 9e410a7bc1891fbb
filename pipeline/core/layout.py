"""Directions laid out in a plane, and the plane cut into regions. Only here: umap and scikit-learn."""

from __future__ import annotations

import math
import warnings

import numpy as np
from jaxtyping import Float, Int, UInt8, UInt16

LIBRARIES = ("umap-learn", "scikit-learn", "numba")  # whose versions may move a point
LEAST = 100  # latents; fewer are seen at a glance in the list
STEPS = 65_535
FEWEST_REGIONS, MOST_REGIONS = 12, 40  # as many names as can be read at once
INITIAL_SPREAD = 10.0  # as umap scales its own initial layouts


def layout(
    directions: Float[np.ndarray, "latent d_out"],
    neighbours: Int[np.ndarray, "latent neighbour"],
    cosines: Float[np.ndarray, "latent neighbour"],
) -> Float[np.ndarray, "latent 2"]:
    """UMAP of the graph that joins each latent to its neighbours, by distance 1 - cosine; from the
    directions' first two principal components.

    A given random state makes umap use one thread: the same input gives the same layout on one machine.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImportWarning)  # that its variant on TensorFlow can't be had
        from umap.umap_ import find_ab_params, fuzzy_simplicial_set, simplicial_set_embedding
    random = np.random.RandomState(0)
    itself = np.arange(len(directions))[:, None]
    indices = np.hstack([itself, neighbours]).astype(np.int32)
    distances = np.hstack([np.zeros_like(itself), np.maximum(1 - cosines, 0)]).astype(np.float32)
    graph, *_ = fuzzy_simplicial_set(
        directions, indices.shape[1], random, "cosine", knn_indices=indices, knn_dists=distances
    )
    a, b = find_ab_params(spread=1.0, min_dist=0.1)  # umap's defaults, as all that follow
    embedding, _ = simplicial_set_embedding(
        directions,
        graph,
        n_components=2,
        initial_alpha=1.0,
        a=a,
        b=b,
        gamma=1.0,
        negative_sample_rate=5,
        n_epochs=None,  # 500, or 200 above 10,000 latents
        init=principal_components(directions),
        random_state=random,
        metric="cosine",
        metric_kwds={},
        densmap=False,
        densmap_kwds={},
        output_dens=False,
        parallel=False,
    )
    return embedding


def principal_components(
    directions: Float[np.ndarray, "latent d_out"],
) -> Float[np.ndarray, "latent 2"]:
    """The unit directions on their first two principal components, the largest at INITIAL_SPREAD."""
    unit = directions / np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-12)
    centred = unit - unit.mean(axis=0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    axes = vectors[:, [-1, -2]]
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])  # eigenvectors have no sign of their own
    placed = centred @ axes
    return (INITIAL_SPREAD / max(float(np.abs(placed).max()), 1e-12) * placed).astype(np.float32)


def quantised(layout: Float[np.ndarray, "latent 2"]) -> UInt16[np.ndarray, "latent 2"]:
    """In 0..STEPS, both axes on one scale: the longer is x and fills it, the shorter lies in its middle."""
    low, high = layout.min(axis=0), layout.max(axis=0)
    span = max(float((high - low).max()), 1e-12)
    wide = [0, 1] if high[0] - low[0] >= high[1] - low[1] else [1, 0]  # as screens are
    return np.rint(((layout - (low + high) / 2)[:, wide] / span + 0.5) * STEPS).astype(np.uint16)


def regions(xy: UInt16[np.ndarray, "latent 2"]) -> UInt8[np.ndarray, " latent"]:
    """The region of each latent by k-means of the layout; half the root of their number, within bounds."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    n = min(MOST_REGIONS, max(FEWEST_REGIONS, round(math.sqrt(len(xy)) / 2)))
    with threadpool_limits(1):  # several threads add up in any order
        means = KMeans(n, n_init=1, random_state=0)  # pyright: ignore[reportArgumentType] # its stub knows "auto" only
        found = means.fit_predict(xy.astype(np.float64))
    return found.astype(np.uint8)
