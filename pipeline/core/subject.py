"""The subject model with everything that is read from it, as scan and describe need it."""

from __future__ import annotations

from feature_atlas.address import HookPoint
from feature_atlas.errors import AddressError, InputError
from pipeline.core.dictionaries import Dictionary, load_dictionary, neurons, parse_spec
from pipeline.core.heads import head_groups
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
    heads = [group.id for group in head_groups(params, folder)]
    taken = {dictionary.id for dictionary in found} | set(heads)
    for name, spec in params.dictionaries.items():
        if name in taken:
            raise InputError(f"two dictionaries are called {name!r}; give one another id")
        taken.add(name)
        parsed = parse_spec(name, spec)
        d_in, d_out = (_width(folder, name, point) for point in (parsed.hook_in, parsed.hook_out))
        found.append(load_dictionary(parsed, d_in, d_out))
    if not found and not heads:
        raise InputError(
            "nothing to describe: turn neurons or heads on, or give a dictionary ID=PATH@IN[:OUT]"
        )
    return found


def _width(folder: ModelFolder, name: str, point: HookPoint) -> int:
    try:
        return folder.shape.width(point)
    except AddressError as error:
        raise InputError(f"dictionary {name!r}: {error}") from error
