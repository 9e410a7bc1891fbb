"""`atlas estimate`: what a build will take, before anything runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from feature_atlas.errors import InputError
from pipeline.core.dictionary_spec import FORM, split_dictionaries


def estimate(
    config: Annotated[
        Path | None, typer.Option("--config", help="YAML file of parameters; flags go over it.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="As of build; a folder of config.json alone is enough.")
    ] = None,
    corpus: Annotated[list[str] | None, typer.Option(help="As of build; repeatable.")] = None,
    dictionary: Annotated[
        list[str] | None,
        typer.Option(help=f"{FORM}, or ID=size:LATENTS@IN[:OUT] of one that is not there yet; repeatable."),
    ] = None,
    neurons: Annotated[bool | None, typer.Option("--neurons/--no-neurons", help="As of build.")] = None,
    heads: Annotated[bool | None, typer.Option("--heads/--no-heads", help="As of build.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Read at most so many tokens.")] = None,
    ctx: Annotated[int | None, typer.Option(help="Tokens of one window.")] = None,
    price: Annotated[
        float | None, typer.Option(min=0, help="US dollars for storing a GB a month; 0.02 without.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell tokens, operations, bytes, memory, time and storage of a build, by a short measured run."""
    from pipeline.core.estimate_table import print_estimate
    from pipeline.core.params import given_params
    from pipeline.estimate import PRICE
    from pipeline.estimate import estimate as look_ahead

    flags: dict[str, Any] = {
        "model": model,
        "corpus": corpus,
        "dictionaries": split_dictionaries(dictionary),
        "neurons": neurons,
        "heads": heads,
        "max_tokens": max_tokens,
        "ctx": ctx,
    }
    if not config and not model:
        raise InputError("say what to estimate: give --config FILE, or --model and --corpus")
    found = look_ahead(given_params(config, flags), PRICE if price is None else price)
    if as_json:
        sys.stdout.write(json.dumps(found.to_json(), indent=1) + "\n")
    else:
        print_estimate(found.to_json())
