"""The subject of an estimate: the model, or one of its widths, its dictionaries, a sample of the corpus."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
import torch

from feature_atlas.address import HookPoint
from feature_atlas.errors import InputError
from pipeline.core.corpus import open_source
from pipeline.core.dictionaries import Dictionary, neurons
from pipeline.core.heads import HeadGroup, head_groups
from pipeline.core.model import SubjectModel
from pipeline.core.model_folder import ModelFolder
from pipeline.core.params import Params
from pipeline.core.planned import LATENTS, Planned, drawn, first_latents, of_size, split_planned
from pipeline.core.read_corpus import read_corpus
from pipeline.core.subject import load_dictionaries
from pipeline.core.windows import Corpus, Windows

LAYERS = 2  # of a model that stands in for one without weights
STREAMED = 262_144  # tokens read of a source that may have no end
DRAWN = 4096  # tokens on which the biases of latents that stand in for others are set


@dataclass(frozen=True)
class Text:
    """The corpus: windows to draw samples from, and how many tokens and windows there will be.

    `counted` says that they were counted, in so many `seconds`; else they are what max_tokens allows.
    """

    windows: Windows
    n_tokens: int
    n_windows: int
    counted: bool
    has_tokenizer: bool
    seconds: float


@dataclass(frozen=True)
class Outlook:
    """All that an estimate is made of. `model` has `model.n_layers` layers, the real one shape.n_layers."""

    params: Params
    folder: ModelFolder
    model: SubjectModel
    has_weights: bool
    planned: list[Planned]
    groups: list[HeadGroup]
    text: Text

    @classmethod
    def of(cls, params: Params) -> Outlook:
        """Loads what is there, and draws what is not. Raises InputError if something is neither."""
        folder = ModelFolder.resolve(params.model)
        shape, has_weights = folder.shape, _has_weights(folder)
        text = _text(params, folder)
        model = (
            SubjectModel.load(folder)
            if has_weights
            else SubjectModel.drawn(folder, min(LAYERS, shape.n_layers))
        )
        there, sized = split_planned(params.dictionaries)
        if there and not has_weights:
            raise InputError(
                f"{folder.path} has no weights to read dictionary {next(iter(there))!r} with:"
                " give its size, as ID=size:LATENTS@IN[:OUT]"
            )
        whole = [neurons(layer, shape.d_mlp, "") for layer in range(shape.n_layers) if params.neurons]
        if there:
            known = params.model_copy(update={"dictionaries": there, "neurons": False})
            whole += load_dictionaries(known, folder)
        whole += [of_size(spec, shape.width) for spec in sized.values()]
        groups = head_groups(params, folder)
        if not whole and not groups:
            raise InputError("nothing to describe: turn neurons or heads on, or give a dictionary")
        planned = [Planned(each, _part(each, model, text.windows)) for each in whole]
        return cls(params, folder, model, has_weights, planned, groups, text)

    @property
    def layers_read(self) -> int:
        """Layers up to the deepest hook point."""
        points = [each.whole.hook_in.layer for each in self.planned] + [each.layer for each in self.groups]
        return max(points) + 1

    @property
    def bytes_at_hand(self) -> int:
        """Of the weights that were loaded, or drawn in place of others."""
        parameters = sum(each.numel() for each in self.model.network.parameters())
        there = [x for each in self.planned for x in each.whole.arrays().values() if not x.is_meta]
        return 4 * (parameters + sum(x.numel() for x in there))

    def sample(self, n: int) -> Windows:
        """`n` random windows as a corpus of their own, each a document; some again if there are fewer."""
        windows = self.text.windows
        chosen = np.resize(windows.order(n, 1)[:n], n)
        lead = 0 if windows.bos is None else 1
        parts = [
            row[lead:length]
            for batch in windows.batches(256, chosen)
            for row, length in zip(batch.windows, batch.length, strict=True)
        ]
        return Windows(_corpus(parts), windows.ctx, windows.bos)


def _has_weights(folder: ModelFolder) -> bool:
    return any(folder.path.glob("*.safetensors"))


def _text(params: Params, folder: ModelFolder) -> Text:
    """The corpus as it will be read, where it can be counted; else a sample of it, or random tokens."""
    if params.ctx > folder.shape.n_ctx:
        raise InputError(f"ctx is {params.ctx}, but the model reads at most {folder.shape.n_ctx} tokens")
    has_tokenizer = any((folder.path / name).is_file() for name in ("tokenizer.json", "vocab.json"))
    sources = [open_source(text) for text in params.corpus] if has_tokenizer else []
    if sources and not any(source.streamed for source in sources):
        started = time.perf_counter()
        corpus = read_corpus(sources, folder, params.max_tokens)
        took = time.perf_counter() - started
        windows = Windows(corpus, params.ctx, folder.bos(params.bos))
        return Text(windows, len(corpus.tokens), len(windows), True, True, took)
    if params.max_tokens is None:
        raise InputError(
            "how many tokens will be read can't be counted here (a source is streamed, or the model's"
            " tokenizer is not there): set max_tokens"
        )
    if sources:
        corpus, bos = read_corpus(sources, folder, STREAMED), folder.bos(params.bos)
    else:
        corpus, bos = _random(folder.shape.d_vocab, params.ctx), 0
    windows = Windows(corpus, params.ctx, bos)
    n_windows = -(-params.max_tokens * len(windows) // len(corpus.tokens))
    return Text(windows, params.max_tokens, n_windows, False, has_tokenizer, 0.0)


def _random(d_vocab: int, ctx: int) -> Corpus:
    """As many types as text has, and as unevenly: the n-th commonest one n-th as often as the first."""
    share = 1 / np.arange(1, d_vocab + 1)
    tokens = np.random.default_rng(0).choice(d_vocab, (1024, ctx - 1), p=share / share.sum())
    return _corpus(list(tokens))


def _corpus(parts: list[np.ndarray]) -> Corpus:
    starts = np.cumsum([0, *map(len, parts)])
    names = [str(number) for number in range(len(parts))]
    return Corpus(
        np.concatenate(parts).astype(np.uint32), starts, names, ["sample"] * len(parts), ["sample"], 0
    )


def _part(whole: Dictionary, model: SubjectModel, windows: Windows) -> Dictionary:
    """What is run for a dictionary: its first latents, or drawn ones, on the model that is there."""
    last = model.n_layers - 1
    hook_in, hook_out = (
        HookPoint(point.point, min(point.layer, last)) for point in (whole.hook_in, whole.hook_out)
    )
    if whole.W_enc is None or whole.W_enc.device.type != "meta":
        return replace(first_latents(whole), hook_in=hook_in, hook_out=hook_out)
    batch = next(windows.batches(-(-DRAWN // windows.stride)))
    acts = model.activations(torch.from_numpy(batch.windows), [hook_in])[hook_in]
    x = acts[torch.from_numpy(batch.counted)]
    return drawn(whole, x, min(whole.n_latents, LATENTS), hook_in, hook_out)
