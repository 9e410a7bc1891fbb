"""The two sides of a comparison: which dictionaries of which atlases; their weights, checked by digest."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from feature_atlas import Atlas, open_atlas
from feature_atlas.address import HookPoint, check_dictionary_id
from feature_atlas.errors import InputError
from feature_atlas.manifest import DictionaryRecord
from pipeline.core.dictionaries import Dictionary
from pipeline.core.in_step import local_atlas
from pipeline.core.model import SubjectModel
from pipeline.core.model_folder import ModelFolder
from pipeline.core.params import Params, load_params
from pipeline.core.runs import PARAMS, work_folder
from pipeline.core.subject import load_dictionaries

TARGET = "ATLAS[#DICTIONARY]"
RESIDUAL = ("resid_pre", "attn_out", "resid_mid", "mlp_out", "resid_post")
Pair = tuple[DictionaryRecord, DictionaryRecord]


@dataclass
class Side:
    """An atlas, the dictionary named of it, and the parameters that it was built from."""

    atlas: Atlas
    name: str | None
    params: Params
    folder: ModelFolder
    dictionaries: dict[str, Dictionary] = field(default_factory=dict)

    @classmethod
    def open(cls, target: str, config: Path | None) -> Side:
        """Reads the manifest and the parameters of `ATLAS[#DICTIONARY]`.

        Raises InputError if there are no parameters, or they name another model than the atlas.
        """
        url, _, name = target.partition("#")
        atlas = open_atlas(url)
        if name:
            atlas.dictionary(check_dictionary_id(name))
        left = config or work_folder(local_atlas(url)) / PARAMS
        if config is None and not left.is_file():
            raise InputError(
                f"{url} holds no weights, and there is no {left} of a build to tell where they are: give the"
                " YAML file that it was built from, with --config (compare: --config-a, --config-b)"
            )
        params = load_params(left, {})
        folder = ModelFolder.resolve(params.model)
        if folder.record.weights != atlas.manifest.model.weights:
            raise InputError(
                f"{left} names the model {params.model}, whose weights {folder.record.weights[:12]}… are not"
                f" those of {url} ({atlas.manifest.model.weights[:12]}…); give the model it was built from"
            )
        return cls(atlas, name or None, params, folder)

    def load(self, records: list[DictionaryRecord]) -> None:
        """Reads the weights of these dictionaries.

        Raises InputError if the parameters name none of that id, or one of other weights or hook points.
        """
        wanted = {record.id for record in records}
        named = {
            name: given
            for name, given in self.params.dictionaries.items()
            if any(each == name or each.startswith(f"{name}.") for each in wanted)
        }
        params = self.params.model_copy(update={"dictionaries": named, "heads": False})
        found = (
            {each.id: each for each in load_dictionaries(params, self.folder)}
            if named or params.neurons
            else {}
        )
        for record in records:
            self.dictionaries[record.id] = self._checked(record, found.get(record.id))

    def _checked(self, record: DictionaryRecord, found: Dictionary | None) -> Dictionary:
        if found is None:
            known = ", ".join(self.params.dictionaries) or "none"
            raise InputError(
                f"the parameters of {self.atlas.url} name no dictionary {record.id!r} (they name: {known});"
                " give the YAML file that it was built from, with --config (compare: --config-a, --config-b)"
            )
        told = (found.weights, str(found.hook_in), str(found.hook_out))
        if told != (record.weights, record.hook_in, record.hook_out):
            raise InputError(
                f"dictionary {record.id!r} is not the one in {self.atlas.url}: its files have SHA-256"
                f" {found.weights[:12]}…, read {found.hook_in} and write {found.hook_out}, and the atlas's"
                f" {record.weights[:12]}…, {record.hook_in} and {record.hook_out}; give the files it was"
                " built from"
            )
        return found

    def directions(self, name: str, model: SubjectModel) -> Float[Tensor, "latent d_out"]:
        """What each latent writes; a neuron's, and only its, in the residual stream."""
        dictionary = self.dictionaries[name]
        written = (
            dictionary.W_dec if dictionary.W_dec is not None else model.write_matrix(dictionary.hook_out)
        )
        assert written is not None, name
        return written.detach().to(model.device)


def pairs_of(a: Side, b: Side) -> list[Pair]:
    """The dictionaries to compare: those named, else those of one id, else those of the same hook points.

    Raises InputError if there are none, or what two of them write can't be compared.
    """
    one = a.atlas.manifest.run == b.atlas.manifest.run
    if one and a.name is None and b.name is None:
        raise InputError(
            f"{a.atlas.url} and {b.atlas.url} are the same atlas: name two dictionaries of it, as in"
            f" {TARGET}; it has: {', '.join(each.id for each in a.atlas.manifest.dictionaries)}"
        )
    found = [
        (left, right)
        for left in _of(a)
        for right in _partners(left, _of(b), b.name is not None and a.name is not None, one)
    ]
    if not found:
        raise InputError(
            f"no dictionary of {a.atlas.url} has the id or the hook points of one of {b.atlas.url}: name one"
            f" of each, as {TARGET}"
        )
    for left, right in found:
        _check(left, right, a, b)
    return found


def space(record: DictionaryRecord) -> str:
    """Where write directions live: the residual stream, or a hook point with a basis of its own."""
    point = HookPoint.parse(record.hook_out)
    return "the residual stream" if record.kind == "neurons" or point.point in RESIDUAL else record.hook_out


def _of(side: Side) -> list[DictionaryRecord]:
    return [each for each in side.atlas.manifest.dictionaries if side.name in (None, each.id)]


def _partners(
    left: DictionaryRecord, others: list[DictionaryRecord], named: bool, one: bool
) -> list[DictionaryRecord]:
    others = [each for each in others if not (one and each.id == left.id)]
    if named:
        return others
    if same := [each for each in others if each.id == left.id]:
        return same
    place = (left.hook_in, left.hook_out, left.kind == "neurons")
    return [each for each in others if (each.hook_in, each.hook_out, each.kind == "neurons") == place]


def _check(left: DictionaryRecord, right: DictionaryRecord, a: Side, b: Side) -> None:
    widths = [
        side.folder.record.d_model
        if record.kind == "neurons"
        else side.folder.shape.width(HookPoint.parse(record.hook_out))
        for record, side in ((left, a), (right, b))
    ]
    if space(left) != space(right) or widths[0] != widths[1]:
        raise InputError(
            f"{left.id} writes to {space(left)} ({widths[0]} wide) and {right.id} to {space(right)}"
            f" ({widths[1]} wide): there is no cosine between the two"
        )
