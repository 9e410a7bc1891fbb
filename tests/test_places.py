"""A dictionary at every hook point, of every family at once, trained on processed models or not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from feature_atlas import open_atlas
from feature_atlas.address import POINTS, HookPoint
from feature_atlas.errors import InputError
from pipeline.build import build
from pipeline.core.dictionary_spec import DictionaryParams
from pipeline.core.model import SubjectModel
from pipeline.core.model_folder import ModelFolder
from pipeline.core.params import Params
from pipeline.core.processing import Processing
from pipeline.core.windows import Windows, load_corpus
from tests import tiny

PLACES = [point for point in POINTS if point not in ("attn_pattern", "attn_v")]
WIDTHS = {"mlp_post": 4 * tiny.D_MODEL}
ALL = ("centre_writes", "fold_norms", "fold_value_biases")


@pytest.mark.parametrize(("processing", "parts"), [("none", ()), ("transformer_lens", ALL)])
def test_a_dictionary_at_every_hook_point(
    tiny_model: Path, tiny_text: Path, tmp_path: Path, processing: str, parts: tuple[str, ...]
) -> None:
    """Each latent's maximum is that over the activations of the model that the dictionary was trained on."""
    given = {
        point: DictionaryParams(
            path=str(tiny.write_dictionary(tmp_path / point, WIDTHS.get(point, tiny.D_MODEL))),
            hook_in=f"{point}.1",
            processing=processing,  # type: ignore[arg-type]
        )
        for point in PLACES
    }
    params = Params(
        model=str(tiny_model),
        corpus=[str(tiny_text)],
        dictionaries=given,
        neurons=False,
        heads=False,
        ctx=tiny.CTX,
    )
    out = tmp_path / "atlas"
    build(params, out)
    atlas, folder = open_atlas(str(out)), ModelFolder.resolve(str(tiny_model))
    model = SubjectModel.load(folder)
    (batch,) = Windows(load_corpus(tmp_path / "atlas.work" / "tokens"), tiny.CTX, 0).batches(1000)
    counted = torch.from_numpy(batch.counted)
    for point, told in given.items():
        record = atlas.dictionary(point).record
        assert (record.hook_in, record.processing) == (f"{point}.1", parts)
        done, at = Processing.of(parts), HookPoint(point, 1)
        caught = done.caught_at(at, model.shape)
        x = done.apply(at, model.activations(torch.from_numpy(batch.windows), [caught])[caught], model)
        acts = tiny.load(told, point, WIDTHS.get(point, tiny.D_MODEL)).encode(x[counted])
        highest = atlas.dictionary(point).stat("max")
        np.testing.assert_allclose(highest, acts.amax(0).numpy(), rtol=1e-5, atol=1e-6)
        assert (highest > 0).sum() > 5, point


@pytest.mark.parametrize("point", ["attn_pattern", "attn_v"])
def test_no_dictionary_where_there_are_no_vectors(
    tiny_model: Path, tiny_dictionary: Path, tiny_text: Path, tmp_path: Path, point: str
) -> None:
    params = Params(
        model=str(tiny_model),
        corpus=[str(tiny_text)],
        dictionaries={"d": f"{tiny_dictionary}@{point}.1"},
        ctx=tiny.CTX,
    )
    with pytest.raises(InputError, match="holds no vectors that a dictionary could read"):
        build(params, tmp_path / "atlas")
