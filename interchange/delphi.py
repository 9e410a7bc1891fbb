"""delphi's explanations, a file for each latent, as labels; with the scores beside them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from feature_atlas.errors import InputError
from interchange.lines import read_text
from interchange.said import Said

SOURCE = "delphi"
_NAME = re.compile(r"(?P<hook>.+)_latent(?P<index>[0-9]{1,10})\.txt")


def is_delphi(folder: Path) -> bool:
    """Whether a folder has files `<hookpoint>_latent<i>.txt`."""
    return any(_NAME.fullmatch(file.name) for file in folder.iterdir())


def read(folder: Path, dictionary: str) -> Iterator[Said]:
    """A label for each score of each latent, or one without a score.

    Raises InputError without a dictionary, or if the folder speaks of several hook points.
    """
    named = {file: name for file in sorted(folder.iterdir()) if (name := _NAME.fullmatch(file.name))}
    hooks = sorted({name["hook"] for name in named.values()})
    if len(hooks) > 1:
        raise InputError(f"{folder} speaks of {hooks[0]} and {hooks[1]}: give one hook point's files alone")
    if not dictionary:
        raise InputError(f"which dictionary is delphi's {hooks[0]}? Say it with --dictionary")
    for file, name in named.items():
        text = _explanation(read_text(file))
        address = f"{dictionary}/{int(name['index'])}"
        scores = _scores(folder.parent / "scores", file.name)
        if not scores:
            yield Said(str(file), address, text, SOURCE, None)
        for scorer, score in scores.items():
            yield Said(str(file), address, text, f"{SOURCE}, {scorer}", score)


def _explanation(content: str) -> str:
    """delphi writes the text as a JSON string; a file of plain text is taken as it is."""
    try:
        told = json.loads(content)
    except ValueError:
        told = content
    return (told if isinstance(told, str) else content).strip()


def _scores(folder: Path, name: str) -> dict[str, float]:
    """By scorer the balanced accuracy: the mean of the shares judged rightly of both kinds of examples."""
    found: dict[str, float] = {}
    for file in sorted(folder.glob(f"*/{name.replace('[', '[[]')}")):
        try:
            judged: Any = json.loads(read_text(file))
        except ValueError as error:
            raise InputError(f"{file} is not JSON: {error}") from error
        score = _balanced_accuracy(cast(list[Any], judged)) if isinstance(judged, list) else None
        if score is not None:
            found[file.parent.name] = score
    return found


def _balanced_accuracy(judged: list[Any]) -> float | None:
    """Over examples with a judgement; None unless there are both that activate the latent and that do not."""
    right: dict[bool, list[bool]] = {True: [], False: []}
    for example in judged:
        told = cast(dict[str, Any], example) if isinstance(example, dict) else {}
        said = told.get("prediction")
        if isinstance(said, int | float):  # a bool is an int
            truth = bool(told.get("activating", told.get("ground_truth")))
            right[truth].append((said >= 0.5) == truth)
    if not all(right.values()):
        return None
    return sum(sum(each) / len(each) for each in right.values()) / len(right)
