"""What is told of a scan's memory before it runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline import tokens
from pipeline.core.heads import head_groups
from pipeline.core.memory import firings_per_token, peak_bytes, state_bytes
from pipeline.core.model_folder import ModelFolder
from pipeline.core.params import Params
from pipeline.core.subject import load_dictionaries
from pipeline.core.windows import Windows
from pipeline.scan import load_cut_model, new_head_scans, new_scans, open_windows, points_of


def twice(windows: Windows) -> Windows:
    """The corpus, and all of it once more."""
    corpus = windows.corpus
    doubled = replace(
        corpus,
        tokens=np.concatenate([corpus.tokens] * 2),
        starts=np.concatenate([corpus.starts, corpus.starts[1:] + corpus.starts[-1]]),
        ids=corpus.ids * 2,
        owners=corpus.owners * 2,
    )
    return Windows(doubled, windows.ctx, windows.bos)


def test_memory_does_not_grow_with_the_corpus(tiny_params: Params, tmp_path: Path) -> None:
    tokens.run(tiny_params, tmp_path)
    folder = ModelFolder.resolve(tiny_params.model)
    dictionaries = load_dictionaries(tiny_params, folder)
    groups = head_groups(tiny_params, folder)
    model = load_cut_model(folder, points_of(dictionaries, groups, folder.shape), "cpu")
    windows = open_windows(tiny_params, folder, tmp_path)
    told = []
    for each in (windows, twice(windows)):
        scans = new_scans(dictionaries, dictionaries, model, each, tiny_params, folder.record.d_vocab)
        heads = new_head_scans(groups, model, each, tiny_params, folder.record.d_vocab)
        told.append((state_bytes(scans, heads), peak_bytes(model, scans, heads, each, 4, 8, threads=2)))
        fired = firings_per_token(model, scans, each)
        assert fired["tiny-sae"] == pytest.approx(5, abs=1)  # TopK with k = 5
    assert told[0][0] == told[1][0]
    assert told[1][1] == pytest.approx(told[0][1], rel=0.05)
    assert told[0][1] > told[0][0]
