"""`atlas verify`: the files against their digests, and, with --deep, what they say against the model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from feature_atlas import open_atlas
from feature_atlas.errors import InputError
from pipeline.core.progress import say


def verify(
    url: Annotated[str, typer.Argument(help="An atlas or a comparison, on disk or at a URL.")],
    deep: Annotated[
        bool, typer.Option("--deep", help="Recompute a random sample from the model too, and compare.")
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option(
            help="YAML file that it was built from; by default ATLAS.work/params.yaml of its build."
        ),
    ] = None,
    units: Annotated[
        int, typer.Option(min=1, help="With --deep: latents of each dictionary, and heads of each layer.")
    ] = 16,
    seed: Annotated[int, typer.Option(min=0, help="With --deep: draws the sample.")] = 0,
) -> None:
    """Check every file against its digest and every array against the format."""
    from feature_atlas.comparison import is_comparison, open_comparison, verify_comparison
    from feature_atlas.verify import verify as find_wrong

    if is_comparison(url):
        if deep:
            raise InputError(f"{url} is a comparison; --deep recomputes an atlas: verify those that it is of")
        _tell(url, verify_comparison(open_comparison(url)))
        say(f"{url}: comparison, all as recorded")
        return
    atlas, passed_over = open_atlas(url), list[str]()
    try:
        _tell(url, find_wrong(atlas, passed_over))
    finally:
        for line in passed_over:
            say(line)
    say(f"{url}: run {atlas.manifest.run}, {atlas.manifest.n_bytes:,} bytes, all as recorded")
    if deep:
        _deep(url, config, units, seed)


def _deep(url: str, config: Path | None, units: int, seed: int) -> None:
    from pipeline.core.sides import Side
    from pipeline.deep import check

    compared: Counter[str] = Counter()
    found = check(Side.open(url, config), units, seed, compared)
    try:
        _tell(url, found)
    finally:
        say("compared: " + ", ".join(f"{n:,} {what}" for what, n in compared.items()))
    say(f"{url}: what was recomputed is as stored")


def _tell(url: str, found: Iterator[str]) -> None:
    wrong = 0
    for line in found:
        wrong += 1
        say(f"wrong: {line}")
    if wrong:
        raise InputError(
            f"{url}: {wrong} found wrong; mend an atlas: atlas repair; or build or fetch it again"
        )


def repair(
    url: Annotated[str, typer.Argument(help="An atlas, on disk or in a blob store.")],
    config: Annotated[
        Path | None,
        typer.Option(
            help="YAML file that it was built from; by default ATLAS.work/params.yaml of its build."
        ),
    ] = None,
    work: Annotated[
        Path | None,
        typer.Option(help="Folder of this machine for the work on an atlas at a URL, as of build."),
    ] = None,
) -> None:
    """Make files anew that are missing or damaged, from what its build left in ATLAS.work."""
    from pipeline.repair import repair as put_back

    lines = put_back(url, config, work)
    for line in lines:
        say(f"wrong: {line}")
    if lines:
        raise InputError(
            f"{url}: {len(lines)} files can't be repaired from its work folder; build it again, and bring its"
            " labels again if it had any"
        )
    say(f"{url}: every file is as listed")
