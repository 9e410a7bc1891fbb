"""The subject model with everything that is read from it, as scan and describe need it."""

from __future__ import annotations

from collections import Counter
from functools import partial

from feature_atlas.address import HookPoint
from feature_atlas.errors import AddressError, InputError
from pipeline.core.dictionaries import Dictionary, neurons
from pipeline.core.dictionary_spec import FORM, parse_spec
from pipeline.core.heads import head_groups
from pipeline.core.inputs import processing_of
from pipeline.core.load_dictionary import load_dictionary
from pipeline.core.model_folder import ModelFolder
from pipeline.core.params import Params


def load_dictionaries(params: Params, folder: ModelFolder) -> list[Dictionary]:
    """The neurons of every layer, then the parameters' dictionaries, in their order there.

    Raises InputError if there is none, two share an id, or one does not fit the model.
    """
    record = folder.record
    found = (
        [neurons(layer, record.d_mlp, record.weights) for layer in range(record.n_layers)]
        if params.neurons
        else []
    )
    for name, given in params.dictionaries.items():
        loaded = load_dictionary(parse_spec(name, given), partial(_width, folder, name))
        for dictionary in loaded:
            processing_of(dictionary).check(folder.family)
        found += loaded
    heads = [group.id for group in head_groups(params, folder)]
    _check_ids([*(dictionary.id for dictionary in found), *heads])
    if not found and not heads:
        raise InputError(f"nothing to describe: turn neurons or heads on, or give a dictionary {FORM}")
    return found


def _check_ids(names: list[str]) -> None:
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise InputError(f"two dictionaries are called {twice[0]!r}; give one another id")


def _width(folder: ModelFolder, name: str, point: HookPoint) -> int:
    try:
        return folder.shape.width(point)
    except AddressError as error:
        raise InputError(f"dictionary {name!r}: {error}") from error
