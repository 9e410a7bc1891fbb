"""Every stage in order: the whole flow on one page."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from feature_atlas.errors import InputError
from feature_atlas.manifest import MANIFEST, parse_manifest
from feature_atlas.store import is_url
from feature_atlas.urls import check_url
from pipeline import assemble, describe, effects, map, quality, scan, tokens
from pipeline.core.blobs import Place, open_place
from pipeline.core.device import open_device
from pipeline.core.engine import LOCAL, Engine
from pipeline.core.files import only_one
from pipeline.core.in_step import in_step, local_atlas
from pipeline.core.params import Params, save_params
from pipeline.core.progress import say
from pipeline.core.publication import Publication
from pipeline.core.published import read_published
from pipeline.core.runs import PARAMS, work_folder
from pipeline.publish import publish

STAGES: dict[str, Callable[[Params, Path], None]] = {
    "tokens": tokens.run,
    "scan": scan.run,
    "describe": describe.run,
    "effects": effects.run,
    "map": map.run,
    "quality": quality.run,
}


def build(params: Params, out: str | Path, scratch: Path | None = None, engine: Engine = LOCAL) -> None:
    """Makes the atlas at `out`. What is done already is not done again; what was killed goes on."""
    open_device(params.device)  # one that is not here is refused before hours of work, not after
    with _at_work(str(out), scratch) as (atlas, keep):
        work = work_folder(atlas)
        save_params(work / PARAMS, params)  # where the weights are, for who compares them later
        stages = STAGES | {"scan": partial(scan.run, engine=engine)}
        for run in stages.values():
            run(params, work)
            keep()
        _finish(params, str(out), atlas)


def run_stage(name: str, params: Params, out: str, scratch: Path | None = None) -> None:
    """One stage alone, on what the others have left in the work folder of the atlas at `out`."""
    with _at_work(out, scratch) as (atlas, _):
        if name in STAGES:
            STAGES[name](params, work_folder(atlas))
        else:
            _finish(params, out, atlas)


@contextmanager
def _at_work(out: str, scratch: Path | None) -> Generator[tuple[Path, Callable[[], None]]]:
    """The folder to make the atlas in, and what keeps the work at a URL in step with it after a stage."""
    atlas = local_atlas(out, scratch)
    if not is_url(out):
        with only_one(work_folder(atlas)):
            yield atlas, lambda: None
        return
    if not urlsplit(check_url(out)).path.strip("/"):
        raise InputError(f"{out} has no prefix: give one, as in {out.rstrip('/')}/my-atlas")
    url = out.rstrip("/")
    say(f"what the stages make is kept in {atlas.parent}, and in step with {url}.work")
    with only_one(work_folder(atlas)), in_step(f"{url}.work", work_folder(atlas)) as keep:
        yield atlas, keep


def _finish(params: Params, out: str, atlas: Path) -> None:
    """Assembles the atlas; at a URL it is assembled here first, and then published there."""
    if not is_url(out):
        assemble.run(params, work_folder(atlas), atlas)
        return
    place = open_place(out)
    if assemble.run(params, work_folder(atlas), atlas, _runs(place)):
        publish(Publication.of(str(atlas)), place, keep=0)
        shutil.rmtree(atlas)
    say(f"atlas: {out}")


def _runs(place: Place) -> set[str]:
    """The names that what was published there goes by; none if its publisher did not finish."""
    published, _ = read_published(place)
    manifest = place.read(MANIFEST)
    if published is None or not published.finished or manifest is None:
        return set()
    told = parse_manifest(manifest[0], f"{place.url}/{MANIFEST}")
    return {told.run, told.labelled_from or told.run}
