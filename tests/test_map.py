"""Maps of latents: like directions near, the same map every time, and none where there is too little."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_atlas import open_atlas
from feature_atlas.errors import FormatError, InputError
from feature_atlas.verify import verify
from pipeline import map as map_stage
from pipeline.build import build, work_folder
from pipeline.core.layout import LEAST, STEPS, layout, quantised, regions
from pipeline.core.params import Params
from tests import tiny

N_CLUSTERS, EACH, WIDTH, N_NEAREST = 8, 50, 32, 10


@pytest.fixture(scope="module")
def directions() -> np.ndarray:
    """Clusters of directions, in no order."""
    random = np.random.default_rng(3)
    centres = random.normal(size=(N_CLUSTERS, WIDTH))
    shuffled = random.permutation(np.repeat(np.arange(N_CLUSTERS), EACH))
    return (centres[shuffled] + 0.4 * random.normal(size=(len(shuffled), WIDTH))).astype(np.float32)


def nearest(directions: np.ndarray, k: int = N_NEAREST) -> tuple[np.ndarray, np.ndarray]:
    unit = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    cosine = unit @ unit.T
    np.fill_diagonal(cosine, -np.inf)
    order = np.argsort(-cosine, axis=1)[:, :k]
    return order, np.take_along_axis(cosine, order, axis=1)


@pytest.fixture(scope="module")
def placed(directions: np.ndarray) -> np.ndarray:
    return layout(directions, *nearest(directions))


def test_neighbours_on_the_map_are_neighbours_in_direction(
    directions: np.ndarray, placed: np.ndarray
) -> None:
    """The ten nearest on the map are mostly of the fifty nearest directions; by chance an eighth."""
    away = np.linalg.norm(placed[:, None] - placed[None], axis=-1)
    np.fill_diagonal(away, np.inf)
    near = np.argsort(away, axis=1)[:, :N_NEAREST]
    like, _ = nearest(directions, EACH)
    kept = np.mean([np.isin(near[i], like[i]).mean() for i in range(len(near))])
    assert kept > 0.9


def test_the_same_directions_give_the_same_map(directions: np.ndarray, placed: np.ndarray) -> None:
    again = layout(directions.copy(), *nearest(directions))
    assert again.tobytes() == placed.tobytes()
    assert regions(quantised(again)).tobytes() == regions(quantised(placed)).tobytes()


def test_directions_that_are_nothing_or_the_same_have_a_place(directions: np.ndarray) -> None:
    odd = directions.copy()
    odd[:5], odd[5:25] = 0, odd[5]
    unit = odd / np.maximum(np.linalg.norm(odd, axis=1, keepdims=True), 1e-12)
    cosine = unit @ unit.T
    np.fill_diagonal(cosine, -np.inf)
    order = np.argsort(-cosine, axis=1)[:, :N_NEAREST]
    assert np.isfinite(layout(odd, order, np.take_along_axis(cosine, order, axis=1))).all()


@given(
    st.lists(st.tuples(*[st.floats(-1e3, 1e3, width=32)] * 2), min_size=2, max_size=30, unique=True),
)
def test_a_quantised_place_is_the_place_to_half_a_step(points: list[tuple[float, float]]) -> None:
    """Distances too: both axes are on one scale."""
    places = np.array(points, np.float64)
    span = float(np.ptp(places, axis=0).max())
    back = quantised(places).astype(np.float64) / STEPS * span
    if np.ptp(places[:, 1]) > np.ptp(places[:, 0]):
        places = places[:, ::-1]
    moved = (back - places) - (back - places).mean(axis=0)
    assert np.abs(moved).max() <= 1.01 * span / STEPS
    assert np.ptp(quantised(places)[:, 0].astype(int)) == (STEPS if span else 0)


def test_regions_hold_what_lies_together(placed: np.ndarray) -> None:
    xy = quantised(placed)
    region = regions(xy)
    assert 8 <= len(np.unique(region)) <= 40
    centres = np.stack([xy[region == r].mean(axis=0) for r in np.unique(region)])
    away = np.linalg.norm(xy[:, None] - centres[None], axis=-1)
    assert (np.unique(region)[away.argmin(axis=1)] == region).mean() > 0.95


@pytest.fixture(scope="module")
def wide_params(
    tiny_params: Params, directions: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> Params:
    """The tiny atlas with two dictionaries that are large enough for a map."""
    import torch

    folder = tmp_path_factory.mktemp("wide")
    made = {}
    for name, rows in (("first", directions[:120]), ("second", directions[120:260])):
        decoder = torch.from_numpy(rows[:, : tiny.D_MODEL].copy())
        arrays = {
            "W_enc": decoder.T.contiguous(),
            "W_dec": decoder,
            "b_enc": torch.zeros(len(decoder)),
            "b_dec": torch.zeros(tiny.D_MODEL),
        }
        path = tiny.write_saelens(folder / name, arrays, architecture="topk")
        made[name] = f"{path}@resid_post.1"
    return tiny_params.model_copy(update={"dictionaries": made, "heads": False})


@pytest.fixture(scope="module")
def wide_atlas(wide_params: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wide-atlas") / "atlas"
    build(wide_params, out)
    return out


def test_the_atlas_holds_the_map(wide_atlas: Path) -> None:
    atlas = open_atlas(str(wide_atlas))
    assert not list(verify(atlas))
    for name in ("first", "second"):
        dictionary = atlas.dictionary(name)
        xy, region = dictionary.layout.xy, dictionary.layout.region
        assert (xy.shape, xy.dtype, region.shape) == ((len(dictionary), 2), np.uint16, (len(dictionary),))
        assert np.ptp(xy.astype(int), axis=0).max() == STEPS
        with np.load(work_folder(wide_atlas) / "map" / f"{name}.npz") as made:
            assert (xy == made["map/xy"]).all() and (region == made["map/region"]).all()


def test_small_dictionaries_have_no_map(wide_atlas: Path, tiny_atlas: Path) -> None:
    for path, name in ((wide_atlas, "mlp_post.0"), (tiny_atlas, "tiny-sae")):
        dictionary = open_atlas(str(path)).dictionary(name)
        assert len(dictionary) < LEAST
        with pytest.raises(FormatError, match=f"{name} has no map"):
            _ = dictionary.layout


def test_a_killed_map_goes_on_where_it_stopped(
    wide_params: Params, wide_atlas: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "atlas"
    made: list[int] = []

    def stopped(directions: np.ndarray, described: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        if made:
            raise KeyboardInterrupt
        made.append(len(directions))
        return before(directions, described)

    before = map_stage.map_arrays
    with monkeypatch.context() as patched:
        patched.setattr("pipeline.map.map_arrays", stopped)
        with pytest.raises(KeyboardInterrupt):
            build(wide_params, out)
    first = work_folder(out) / "map" / "first.npz"
    stamp = first.stat().st_mtime_ns
    build(wide_params, out)
    assert made == [120] and first.stat().st_mtime_ns == stamp
    assert open_atlas(str(out)).manifest.run == open_atlas(str(wide_atlas)).manifest.run
    for name in ("first", "second"):
        found, wanted = (open_atlas(str(path)).dictionary(name).layout for path in (out, wide_atlas))
        assert (found.xy == wanted.xy).all() and (found.region == wanted.region).all()


def test_without_a_map_nothing_is_laid_out(wide_params: Params, wide_atlas: Path, tmp_path: Path) -> None:
    out = tmp_path / "atlas"
    build(wide_params.model_copy(update={"map": False}), out)
    atlas = open_atlas(str(out))
    with pytest.raises(FormatError, match="map: false"):
        _ = atlas.dictionary("first").layout
    assert atlas.manifest.run != open_atlas(str(wide_atlas)).manifest.run


def test_the_stage_wants_its_directions_described(tiny_params: Params, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="atlas describe"):
        map_stage.run(tiny_params, tmp_path)
