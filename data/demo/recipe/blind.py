"""Are the latents interpretable? A sheet to describe them from, and a blind test of the descriptions.

    python data/demo/recipe/blind.py sheet  ATLAS DICTIONARY > sheet.md
    python data/demo/recipe/blind.py test   ATLAS DICTIONARY HELD_OUT descriptions.json key.json > test.md
    python data/demo/recipe/blind.py score  descriptions.json key.json answers.json > data/demo/blind.json

`sheet` draws alive latents by a fixed seed and shows top and band examples of each. Somebody writes
a description of each into `descriptions.json`, {"17": "…"}. `test` shows each description with ten
excerpts of HELD_OUT, text that nothing was trained on and that is not in the atlas, one token marked:
five at firings, one of each band as far as there are that many, five at random positions where the
latent is silent. A reader who has seen nothing else says of each whether it fires at the mark:
`answers.json`, {"17": "YNNYYNYNNY"}. The model card shows what `score` says.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from feature_atlas import Atlas, open_atlas
from feature_atlas.atlas import Example
from feature_atlas.contract import N_BANDS
from pipeline.core.corpus import open_source
from pipeline.core.dictionaries import Dictionary
from pipeline.core.embedded import embedded_root
from pipeline.core.model import SubjectModel
from pipeline.core.model_folder import ModelFolder
from pipeline.core.params import load_params
from pipeline.core.read_corpus import read_corpus
from pipeline.core.subject import load_dictionaries
from pipeline.core.windows import Windows

DRAWN, SEED = 40, 0
BEFORE, AFTER = 16, 6  # tokens shown around the mark
FIRING, SILENT = 5, 5


def main() -> None:
    """Prints what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    doors = parser.add_subparsers(required=True)
    for name, does, wants in (
        ("sheet", sheet, ("atlas", "dictionary")),
        ("test", test, ("atlas", "dictionary", "held_out", "descriptions", "key")),
        ("score", score, ("descriptions", "key", "answers")),
    ):
        door = doors.add_parser(name)
        for argument in wants:
            door.add_argument(argument)
        door.set_defaults(does=does)
    given = vars(parser.parse_args())
    print(given.pop("does")(**given))


def drawn(atlas: Atlas, dictionary: str) -> list[int]:
    """DRAWN of the latents that fired in the atlas, by SEED."""
    alive = np.flatnonzero(atlas[dictionary].stat("firings"))
    return sorted(np.random.default_rng(SEED).choice(alive, DRAWN, replace=False).tolist())


def sheet(atlas: str, dictionary: str) -> str:
    """For each drawn latent: what it fires on, top examples, and examples of every band."""
    opened = open_atlas(atlas)
    lines: list[str] = []
    for index in drawn(opened, dictionary):
        latent = opened[dictionary][index]
        shown = latent.to_json()
        lines += [f"## {index}   density {shown['density']:.3%}", ""]
        lines += ["fires on " + " ".join(repr(row["token"]) for row in shown["fires_on"][:10]), ""]
        lines += [f"    top  {_marked(example)}" for example in latent.examples("top")[:8]]
        for number, band in enumerate(latent.bands()):
            lines += [f"    b{number}   {_marked(Example(**each))}" for each in band["examples"]]
        lines.append("")
    return "\n".join(lines)


def test(atlas: str, dictionary: str, held_out: str, descriptions: str, key: str) -> str:
    """Each description with its excerpts; which of them are firings is written to `key`."""
    told: dict[str, str] = json.loads(Path(descriptions).read_text())
    weights, windows, acts = _activations(dictionary, held_out, [int(index) for index in told])
    texts = open_atlas(atlas).vocabulary
    random = np.random.default_rng(SEED)
    lines: list[str] = []
    right: dict[str, str] = {}
    for column, (index, description) in enumerate(told.items()):
        firing = _firings(acts[:, column], random)
        silent = random.choice(np.flatnonzero(acts[:, column] == 0), FIRING + SILENT - len(firing), False)
        places = np.concatenate([firing, silent])
        order = random.permutation(len(places))
        right[index] = "".join("YN"[int(i >= len(firing))] for i in order)
        lines += [f"## {index}: {description} ({len(firing)} of these fire)", ""]
        lines += [f"{n + 1:2}. {_excerpt(windows, int(places[i]), texts)}" for n, i in enumerate(order)]
        lines.append("")
    kept = {"dictionary": dictionary, "weights": weights, "firing": right}
    Path(key).write_text(json.dumps(kept, indent=1))
    return "\n".join(lines)


def score(descriptions: str, key: str, answers: str) -> str:
    """Each latent's description, and how many of the reader's answers are right."""
    told, wanted, given = (json.loads(Path(path).read_text()) for path in (descriptions, key, answers))
    latents: dict[str, dict[str, Any]] = {}
    for index, firing in wanted.pop("firing").items():
        right = sum(a == b for a, b in zip(firing, given[index], strict=True))
        latents[index] = {"description": told[index], "right": right}
    return json.dumps(wanted | {"latents": latents}, indent=1)


def _activations(
    dictionary: str, held_out: str, latents: list[int]
) -> tuple[str, Windows, np.ndarray[Any, Any]]:
    """The weights' digest, the held-out windows, and activations at counted positions, [position, latent]."""
    params = load_params(embedded_root() / "params.yaml", {})
    folder = ModelFolder.resolve(params.model)
    found: dict[str, Dictionary] = {d.id: d for d in load_dictionaries(params, folder)}
    chosen = found[dictionary]
    windows = Windows(read_corpus([open_source(held_out)], folder, None), params.ctx, folder.bos(params.bos))
    model = SubjectModel.load(folder)
    parts: list[np.ndarray[Any, Any]] = []
    for batch in windows.batches(16):
        x = model.activations(torch.from_numpy(batch.windows), [chosen.hook_in])[chosen.hook_in]
        parts.append(chosen.encode(x[torch.from_numpy(batch.counted)])[:, latents].numpy())
    return chosen.weights, windows, np.concatenate(parts)


def _firings(acts: np.ndarray[Any, Any], random: np.random.Generator) -> np.ndarray[Any, Any]:
    """FIRING positions: one of each band of strength, the rest from all; fewer if there are fewer."""
    firing = np.flatnonzero(acts > 0)
    if len(firing) <= FIRING:
        return firing
    octave = np.floor(np.log2(acts[firing].max())) - np.floor(np.log2(acts[firing]))
    band = np.minimum(octave, N_BANDS - 1)
    chosen = [int(random.choice(firing[band == b])) for b in range(N_BANDS) if (band == b).any()]
    others = np.setdiff1d(firing, chosen)
    return np.array(chosen + random.choice(others, FIRING - len(chosen), replace=False).tolist())


def _excerpt(windows: Windows, token: int, texts: list[str]) -> str:
    corpus = windows.corpus
    document = int(windows.documents(np.array(token)))
    first = max(int(corpus.starts[document]), token - BEFORE)
    last = min(int(corpus.starts[document + 1]), token + AFTER + 1)
    return _line([texts[t] for t in corpus.tokens[first:last].tolist()], token - first)


def _marked(example: Example) -> str:
    first = max(0, example.peak - BEFORE)
    tokens = example.tokens[first : example.peak + AFTER + 1]
    return f"{example.activation:6.1f}  {_line(tokens, example.peak - first)}"


def _line(tokens: list[str], mark: int) -> str:
    marked = [f"[[{text}]]" if i == mark else text for i, text in enumerate(tokens)]
    return "".join(marked).replace("\n", "⏎").replace("\t", "⇥")


if __name__ == "__main__":
    main()
