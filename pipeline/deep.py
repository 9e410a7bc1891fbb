"""A random sample of an atlas, recomputed from the model and compared."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float32, Int64

from feature_atlas import Latent
from feature_atlas.errors import InputError
from feature_atlas.manifest import DictionaryRecord
from pipeline.core.beside import windows_of
from pipeline.core.corpus import Source, open_source
from pipeline.core.dictionaries import Dictionary
from pipeline.core.heads import HeadGroup
from pipeline.core.inputs import caught_for
from pipeline.core.model import SubjectModel
from pipeline.core.progress import say
from pipeline.core.recheck import (
    Compared,
    listed,
    wrong_completeness,
    wrong_effects,
    wrong_examples,
    wrong_neighbours,
)
from pipeline.core.recheck_heads import Looked, wrong_heads
from pipeline.core.recompute import Chosen, recompute
from pipeline.core.sides import Side
from pipeline.core.windows import Windows

WINDOWS = 64  # of the whole corpus, looked through for examples that should be listed
DOCUMENTS = 16  # tokenised again


def check(side: Side, n_units: int, seed: int, compared: Compared) -> Iterator[str]:
    """Yields what it finds wrong, one line each; counts in `compared` what it held against the model.

    Of each dictionary and of each layer's heads `n_units` are drawn. Raises InputError if the weights are not
    those that the atlas was built from, or the copy leaves documents out.
    """
    manifest = side.atlas.manifest
    if manifest.corpus.excluded:
        raise InputError(
            f"{side.atlas.url} leaves {manifest.corpus.excluded:,} documents out, and what is not there"
            " can't be read again; verify the atlas that it was copied from"
        )
    records = list(manifest.dictionaries)
    side.load(records)
    compared["dictionaries' digests"] += len(records)
    random, windows = np.random.default_rng(seed), windows_of(side.atlas)
    if len(side.params.corpus) != len(windows.corpus.sources):
        raise InputError(
            f"the parameters name {len(side.params.corpus)} corpus sources, and {side.atlas.url} has"
            f" {len(windows.corpus.sources)}; give the YAML file that it was built from, with --config"
        )
    told = (manifest.windowing.n_windows, manifest.windowing.counted_tokens)
    if (len(windows), windows.counted_tokens) != told:
        now = (len(windows), windows.counted_tokens)
        yield f"windows and counted tokens of the corpus are {now}, not {told}"
        return
    yield from _wrong_tokens(side, windows, random, compared)
    sampled = np.sort(random.permutation(len(windows))[:WINDOWS])
    latents = {record.id: _drawn_latents(side, record, n_units, random) for record in records}
    model = SubjectModel.load(side.folder, side.params.device)
    for name, drawn in latents.items():
        yield from _wrong_weights(side.dictionaries[name], drawn, model, compared)
    looked = [
        Looked.of(
            HeadGroup(record.layer, record.n_heads, record.rotary),
            side.atlas.heads(record.id)[int(head)],
            windows,
        )
        for record in manifest.heads
        for head in np.sort(random.permutation(record.n_heads)[:n_units])
    ]
    if looked:
        yield from wrong_heads(model, windows, looked, sampled, compared)
    yield from _wrong_latents(model, side, latents, windows, sampled, compared)


def _drawn_latents(side: Side, record: DictionaryRecord, n: int, random: np.random.Generator) -> list[Latent]:
    dictionary = side.atlas.dictionary(record.id)
    return [dictionary[int(index)] for index in np.sort(random.permutation(len(dictionary))[:n])]


def _wrong_latents(
    model: SubjectModel,
    side: Side,
    latents: dict[str, list[Latent]],
    windows: Windows,
    sampled: Int64[np.ndarray, " window"],
    compared: Compared,
) -> Iterator[str]:
    """One dictionary after the other is compared; what the model does is computed for all at once."""
    if not latents:
        return
    chosen = {
        name: Chosen(
            side.dictionaries[name],
            np.array([latent.index for latent in drawn]),
            np.union1d(sampled, np.concatenate([_windows(latent, windows) for latent in drawn])),
        )
        for name, drawn in latents.items()
    }
    model.cut_after(caught_for(side.dictionaries.values(), model.shape))
    again = recompute(model, windows, chosen)
    for name, drawn in latents.items():
        for unit, latent in enumerate(drawn):
            compared["units"] += 1
            yield from wrong_examples(latent, windows, again[name], unit, compared)
            yield from wrong_completeness(latent, windows, again[name], unit, compared)


def _windows(latent: Latent, windows: Windows) -> Int64[np.ndarray, " example"]:
    """Those of all its examples."""
    tokens = np.concatenate([listed(latent, section, windows)[1] for section in latent.dictionary.sections])
    return windows.locate(tokens)[0]


def _wrong_weights(
    dictionary: Dictionary, latents: list[Latent], model: SubjectModel, compared: Compared
) -> Iterator[str]:
    """Logit effects and neighbours of the latents, by what they write."""
    cosines, effects = _by_weights(dictionary, [latent.index for latent in latents], model)
    for row, latent in enumerate(latents):
        yield from wrong_neighbours(latent, cosines[row], compared)
        if effects is not None:
            yield from wrong_effects(latent, effects[row], compared)


@torch.inference_mode()
def _by_weights(
    dictionary: Dictionary, units: list[int], model: SubjectModel
) -> tuple[Float32[np.ndarray, "unit latent"], Float32[np.ndarray, "unit d_vocab"] | None]:
    """Cosines of the units' write directions with all, and logit effects; None if they write nothing."""
    matrix = model.write_matrix(dictionary.hook_out)
    decoder = dictionary.W_dec if dictionary.W_dec is not None else matrix
    assert decoder is not None, dictionary.id
    decoder = decoder.to(model.device)
    directions = torch.nn.functional.normalize(decoder, dim=-1)
    cosines = (directions[units] @ directions.T).cpu().numpy()
    if matrix is None:
        return cosines, None
    writes = decoder[units] if dictionary.W_dec is None else decoder[units] @ matrix
    effects = writes @ model.unembedding
    return cosines, (effects - effects.mean(dim=-1, keepdim=True)).cpu().numpy()


def _wrong_tokens(
    side: Side, windows: Windows, random: np.random.Generator, compared: Compared
) -> Iterator[str]:
    """Documents whose tokens are not what their source's text gives now.

    The parameters name the sources in the corpus' order, by where they are on this machine.
    """
    corpus, tokenizer = windows.corpus, side.folder.tokenizer()
    wanted = random.permutation(corpus.n_documents)[:DOCUMENTS].tolist()
    for name, place in zip(corpus.sources, side.params.corpus, strict=True):
        numbers = {corpus.ids[n]: n for n in wanted if corpus.owners[n] == name}
        source = _source(place) if numbers else None
        if source is None:
            continue
        for document in source.read(numbers.__contains__):
            number = numbers.pop(document.id)
            compared["documents"] += 1
            (tokens,) = tokenizer.encode([document.text])
            if corpus.tokens[corpus.starts[number] : corpus.starts[number + 1]].tolist() != tokens:
                yield f"document {document.id!r} of {name} has other tokens than its text gives now"
        yield from (f"{name} has no document {missing!r} any more" for missing in numbers)


def _source(place: str) -> Source | None:
    """None, with a word, if its text can't be read again."""
    try:
        source = open_source(place)
    except InputError as error:
        say(f"tokens are not held against their text: {error}")
        return None
    if source.streamed:
        say(f"the tokens of {place} are not held against their text, which is streamed")
        return None
    return source
