"""The scan against the bare forward pass and encode of the same batches, in CPU seconds of one thread.

    python -m benchmarks.scan [--tokens N]

Every batch is timed three ways in turn: the model alone, the encoders alone, and the accumulators on
the activations that these gave. Ends with one JSON object.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from pipeline import tokens
from pipeline.core.accumulate.block import Block
from pipeline.core.embedded import embedded_root
from pipeline.core.model_folder import ModelFolder
from pipeline.core.params import load_params
from pipeline.core.subject import load_dictionaries
from pipeline.core.windows import Batch
from pipeline.scan import BLOCK, DictionaryScan, load_cut_model, new_scans, open_windows

T = TypeVar("T")


def main() -> None:
    """Measures the demo's neurons and dictionaries, apart."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--tokens", type=int, default=200_000)
    given = arguments.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as work:
        print(json.dumps(measure(given.tokens, Path(work)), indent=1))


def measure(max_tokens: int, work: Path) -> dict[str, float]:
    """CPU seconds, and the ratio (forward + encode + accumulate) / (forward + encode)."""
    params = load_params(embedded_root() / "params.yaml", {"max_tokens": max_tokens})
    tokens.run(params, work)
    folder = ModelFolder.resolve(params.model)
    dictionaries = load_dictionaries(params, folder)
    windows = open_windows(params, folder, work)
    scans = new_scans(dictionaries, windows, params, folder.record.d_vocab)
    model = load_cut_model(folder, dictionaries, "cpu")
    points = sorted({dictionary.hook_in for dictionary in dictionaries})
    spent = {"forward": 0.0, "encode": 0.0, "accumulate neurons": 0.0, "accumulate latents": 0.0}
    for batch in windows.batches(params.scan.batch):
        counted, read = torch.from_numpy(batch.counted), torch.from_numpy(batch.windows)
        acts = _timed(spent, "forward", lambda read=read: model.activations(read, points))
        for scan in scans:
            x = acts[scan.dictionary.hook_in][counted]
            encoded = _timed(spent, "encode", lambda scan=scan, x=x: scan.dictionary.encode(x))
            kind = "neurons" if scan.dictionary.two_signed else "latents"
            _timed(
                spent,
                f"accumulate {kind}",
                lambda scan=scan, e=encoded, batch=batch: _take_in(scan, e, batch),
            )
    bare = spent["forward"] + spent["encode"]
    return {
        **spent,
        "counted tokens": windows.counted_tokens,
        "tokens per CPU second": windows.counted_tokens / sum(spent.values()),
        "ratio": sum(spent.values()) / bare,
        "ratio without neurons": (sum(spent.values()) - spent["accumulate neurons"]) / bare,
    }


def _take_in(scan: DictionaryScan, encoded: Tensor, batch: Batch) -> None:
    acts = encoded.T.contiguous().numpy()
    for lo in range(0, len(acts), BLOCK):
        scan.add_block(Block(acts[lo : lo + BLOCK], lo, batch))


def _timed(spent: dict[str, float], name: str, work: Callable[[], T]) -> T:
    started = time.process_time()
    result = work()
    spent[name] += time.process_time() - started
    return result


if __name__ == "__main__":
    main()
