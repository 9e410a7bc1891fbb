"""Every stage in order: the whole flow on one page."""

from __future__ import annotations

from pathlib import Path

from feature_atlas.errors import InputError
from feature_atlas.store import is_url
from pipeline import assemble, describe, effects, map, quality, scan, tokens
from pipeline.core.device import open_device
from pipeline.core.engine import LOCAL, Engine
from pipeline.core.files import only_one
from pipeline.core.params import Params, save_params
from pipeline.core.runs import PARAMS, work_folder


def build(params: Params, out: Path, engine: Engine = LOCAL) -> None:
    """Makes the atlas at `out`. What is done already is not done again; what was killed goes on."""
    open_device(params.device)  # one that is not here is refused before hours of work, not after
    work = work_folder(out)
    with only_one(work):
        save_params(work / PARAMS, params)  # where the weights are, for who compares them later
        tokens.run(params, work)
        scan.run(params, work, engine)
        describe.run(params, work)
        effects.run(params, work)
        map.run(params, work)
        quality.run(params, work)
        assemble.run(params, work, out)


def local(out: str) -> Path:
    """The folder that `out` names; InputError if it is a URL."""
    if is_url(out):
        raise InputError(f"can't build at {out}: give a folder, and copy the atlas from there")
    return Path(out)
