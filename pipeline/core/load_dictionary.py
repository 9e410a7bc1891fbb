"""From what a user says of a dictionary to the dictionary: found, recognised, checked against the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from feature_atlas.address import HookPoint
from feature_atlas.errors import InputError
from pipeline.core.brought import read_labels, read_quality
from pipeline.core.dictionaries import Dictionary
from pipeline.core.dictionary_spec import FAMILIES, Spec
from pipeline.core.files import digest, file_digest
from pipeline.core.readers import (
    attention_saes,
    circuit_tracer,
    dictionary_learning,
    openai,
    saelens,
    sparsify,
    transcoder_circuits,
)
from pipeline.core.readers.checkpoint import Checkpoint, open_pickle
from pipeline.core.remote import located, public

Width = Callable[[HookPoint], int]
# What lies in a folder of each family, by which it is told.
_LAYOUTS = {
    "saelens": (saelens.CONFIG, saelens.WEIGHTS),
    "sparsify": (sparsify.CONFIG, sparsify.WEIGHTS),
    "dictionary_learning": (dictionary_learning.CONFIG, dictionary_learning.WEIGHTS),
    "circuit-tracer": (circuit_tracer.CONFIG,),
}

# What each word of `processing` says was done to the model: parts of pipeline/core/processing.py.
_PROCESSINGS = {
    "none": (),
    "centred": ("centre_writes",),
    "transformer_lens": ("centre_writes", "fold_norms", "fold_value_biases"),
}


def load_dictionary(spec: Spec, width: Width) -> list[Dictionary]:
    """The dictionary of a spec; of a set with one for each layer all, called `<id>.<layer>`.

    A hook point given picks that layer's one of a set. `width` gives the length of the activation at
    a hook point, and refuses those that hold no vectors. Raises InputError if the files are of no known
    family, do not fit the family, the hook points or the model, or do not say what is not given.
    """
    path = located(spec.path)
    family = spec.family or recognised(path)
    found = opened(path, family, spec.norm_scale)
    if len(found) == 1:
        return [_load(spec, path, found[0], width)]
    if spec.hook_in is None:
        layers = [each.hook_in.layer if each.hook_in else n for n, each in enumerate(found)]
        return [
            replace(_load(replace(spec, id=f"{spec.id}.{layer}"), path, each, width), set=spec.id)
            for layer, each in zip(layers, found, strict=True)
        ]
    if spec.hook_in.layer >= len(found):
        raise InputError(f"dictionary {spec.id!r}: {path} has layers 0..{len(found) - 1}, not {spec.hook_in}")
    return [_load(spec, path, found[spec.hook_in.layer], width)]


def recognised(path: Path) -> str:
    """The family of a folder or file, by what lies in it. Raises InputError if it is none of ours."""
    if path.is_dir():
        names = {file.name for file in path.iterdir()}
        for family, layout in _LAYOUTS.items():
            if names >= set(layout):
                return family
        wanted = "; ".join(f"{family}: {', '.join(layout)}" for family, layout in _LAYOUTS.items())
        raise InputError(f"{path} is no dictionary's folder that is known here. Known: {wanted}")
    if path.name == dictionary_learning.WEIGHTS and (path.parent / dictionary_learning.CONFIG).is_file():
        return "dictionary_learning"
    if attention_saes.config_of(path).is_file():
        return "attention_saes"
    if path.name.endswith(".gz"):
        raise InputError(
            f"{path} is a compressed pickle, which can't be read without running it; give the .pt"
        )
    pickled = open_pickle(path, inert=(transcoder_circuits.CLASS,))
    for family, reader in (("openai", openai), ("transcoder_circuits", transcoder_circuits)):
        if reader.is_one(pickled):
            return family
    raise InputError(
        f"{path} is no dictionary that is known here; it holds: {', '.join(sorted(map(str, pickled)))[:200]}."
        f" Families: {', '.join(FAMILIES)}"
    )


def opened(path: Path, family: str, norm_scale: float | None) -> list[Checkpoint]:
    """The dictionaries of these files, taken as that family's."""
    match family:
        case "saelens":
            return saelens.opened(path, norm_scale)
        case "sparsify":
            return sparsify.opened(path)
        case "dictionary_learning":
            return dictionary_learning.opened(path if path.is_dir() else path.parent)
        case "circuit-tracer":
            return circuit_tracer.opened(path)
        case "attention_saes":
            return attention_saes.opened(path)
        case "openai":
            return openai.opened(path, open_pickle(path))
        case _:
            return transcoder_circuits.opened(path, open_pickle(path, inert=(transcoder_circuits.CLASS,)))


def _load(spec: Spec, path: Path, found: Checkpoint, width: Width) -> Dictionary:
    hook_in, hook_out = _points(spec, found)
    weights = found.read(width(hook_in), width(hook_out))
    n_latents = len(weights.b_enc)
    if spec.family is None and n_latents == width(hook_in):
        raise InputError(
            f"dictionary {spec.id!r}: {path} has as many latents as {hook_in} is wide, so that its matrices"
            f" could lie either way round; say whose they are, as in {found.family}:{public(spec.path)}"
        )
    sha256 = _digest(found.files)
    brought = path if path.is_dir() else None
    return Dictionary(
        id=spec.id,
        kind=found.kind,
        architecture=found.architecture,
        hook_in=hook_in,
        hook_out=hook_out,
        n_latents=n_latents,
        weights=sha256,
        source=path.name if Path(spec.path).exists() else public(spec.path),
        family=found.family,
        processing=_PROCESSINGS[spec.processing] if spec.processing else found.processing,
        quality=read_quality(brought, sha256) if brought else None,
        labels=read_labels(brought, sha256, n_latents) if brought else None,
        **vars(weights),
    )


def _points(spec: Spec, found: Checkpoint) -> tuple[HookPoint, HookPoint]:
    """Those given, else those of the files. Raises InputError if a transcoder's or an SAE's do not fit."""
    hook_in, hook_out = spec.hook_in or found.hook_in, spec.hook_out
    if hook_in is None:
        raise InputError(
            f"dictionary {spec.id!r}: its files name no hook point that is known here; give one, as in"
            f" {public(spec.path)}@{'ln2_out.6:mlp_out.6' if found.kind == 'transcoder' else 'resid_post.6'}"
        )
    if found.kind == "sae":
        if hook_out not in (None, hook_in):
            raise InputError(
                f"dictionary {spec.id!r} is an SAE ({found.architecture}), which writes where it reads:"
                f" give @{hook_in} alone"
            )
        return hook_in, hook_in
    if hook_out is None and spec.hook_in in (None, found.hook_in):
        hook_out = found.hook_out
    if hook_out is None or hook_out == hook_in:
        raise InputError(
            f"dictionary {spec.id!r} is a transcoder ({found.architecture}): say where it writes too, as in"
            f" @{hook_in}:mlp_out.{hook_in.layer}"
        )
    return hook_in, hook_out


def _digest(files: tuple[Path, ...]) -> str:
    """SHA-256 of the one file, or of those of all files."""
    digests = [file_digest(path) for path in files]
    return digests[0] if len(digests) == 1 else digest(*digests)
