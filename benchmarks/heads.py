"""Attention heads over the bare forward pass: patterns, value norms, and all that the scan keeps of them."""

from __future__ import annotations

import time
from itertools import islice

import torch

from pipeline.core.head_scan import HeadScan
from pipeline.core.heads import head_groups
from pipeline.core.model import SubjectModel
from pipeline.core.model_folder import ModelFolder
from pipeline.core.params import Params
from pipeline.core.windows import Batch, Windows
from pipeline.core.workers import workers
from pipeline.scan import new_head_scans, points_of


def heads_round(subject: ModelFolder, windows: Windows, params: Params, tokens: int) -> tuple[float, float]:
    """CPU seconds over about so many tokens, on one thread, with all heads and without; compiled before."""
    model = SubjectModel.load(subject)
    groups = head_groups(params.model_copy(update={"heads": True}), subject)
    scans = new_head_scans(groups, model, windows, params, subject.record.d_vocab)
    batch = params.scan.batch
    batches = list(islice(windows.batches(batch), max(1, tokens // (batch * windows.stride))))
    with torch.inference_mode(), workers(1):
        _seconds(model, scans, batches[:1])
        return _seconds(model, scans, batches), _seconds(model, [], batches)


def _seconds(model: SubjectModel, scans: list[HeadScan], batches: list[Batch]) -> float:
    started = time.process_time()
    with model.catching(points_of([], [scan.group for scan in scans], model.shape)) as read:
        for batch in batches:
            acts = read(torch.from_numpy(batch.windows))
            for scan in scans:
                pattern, values = acts[scan.group.pattern].numpy(), acts[scan.group.values]
                for head in range(scan.group.n_heads):
                    scan.add(head, (batch,), [pattern], [values])
    return time.process_time() - started
