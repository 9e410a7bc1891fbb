"""What a user says of a dictionary: `[FORMAT:]PATH[@IN[:OUT]]`, or the same as a mapping with more in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from feature_atlas.address import HookPoint, check_dictionary_id
from feature_atlas.errors import AddressError, InputError

Family = Literal[
    "saelens",
    "openai",
    "dictionary_learning",
    "sparsify",
    "circuit-tracer",
    "transcoder_circuits",
    "attention_saes",
]
FAMILIES: tuple[str, ...] = get_args(Family)
FORM = "ID=[FORMAT:]PATH[@IN[:OUT]]"
_EXAMPLES = "as in my-sae=sae/@resid_post.6 or my-transcoder=tc/@ln2_out.6:mlp_out.6"


class DictionaryParams(BaseModel):
    """A dictionary, where its files are, and what they do not say."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    path: str
    """A folder or file, https://…, az://… or any other fsspec URL, or hf:REPO[/SUB]."""

    format: Family | None = None
    """Family of the files; told by looking at them if it is not given."""

    hook_in: str | None = None
    """Hook point that the latents read; by default as the files say."""

    hook_out: str | None = None
    """Hook point that a transcoder writes for; by default as the files say."""

    processing: Literal["none", "centred", "transformer_lens"] | None = None
    """How the model was processed on which the dictionary was trained; by default as the files say."""

    norm_scale: Annotated[float, Field(gt=0)] | None = None
    """Factor of the inputs, of SAELens dictionaries with `expected_average_only_in`."""


@dataclass(frozen=True)
class Spec:
    """The same, checked."""

    id: str
    path: str
    family: Family | None
    hook_in: HookPoint | None
    hook_out: HookPoint | None
    processing: str | None = None
    norm_scale: float | None = None


def parse_spec(name: str, given: str | DictionaryParams) -> Spec:
    """Raises InputError or AddressError naming the dictionary and what does not fit."""
    params = given if isinstance(given, DictionaryParams) else from_text(name, given)
    return Spec(
        id=check_dictionary_id(name),
        path=params.path,
        family=params.format,
        hook_in=_point(name, params.hook_in),
        hook_out=_point(name, params.hook_out),
        processing=params.processing,
        norm_scale=params.norm_scale,
    )


def from_text(name: str, text: str) -> DictionaryParams:
    """Takes `[FORMAT:]PATH[@IN[:OUT]]` apart, at its last @."""
    family, path = split_family(text)
    if "@" not in path:
        return DictionaryParams(path=path, format=family)
    path, _, points = path.rpartition("@")
    hook_in, _, hook_out = points.partition(":")
    if not path or not hook_in:
        raise InputError(f"dictionary {name}={text} is not {FORM}, {_EXAMPLES}")
    return DictionaryParams(path=path, format=family, hook_in=hook_in, hook_out=hook_out or None)


def split_dictionaries(given: list[str] | None) -> dict[str, str] | None:
    """What `--dictionary` gave, each split at its first =; InputError if one is not so written."""
    if not given:
        return None
    pairs = [text.partition("=") for text in given]
    for text, (name, equals, spec) in zip(given, pairs, strict=True):
        if not (name and equals and spec):
            raise InputError(f"--dictionary {text} is not {FORM}")
    names = [name for name, _, _ in pairs]
    if len(set(names)) < len(names):
        raise InputError(f"--dictionary gives an id twice: {', '.join(sorted(names))}")
    return {name: spec for name, _, spec in pairs}


def split_family(text: str) -> tuple[Family | None, str]:
    """The FORMAT before the first colon, if that is one, and the rest."""
    before, colon, rest = text.partition(":")
    for family in get_args(Family):
        if colon and before == family:
            return family, rest
    return None, text


def _point(name: str, text: str | None) -> HookPoint | None:
    try:
        return None if text is None else HookPoint.parse(text)
    except AddressError as error:
        raise AddressError(f"dictionary {name!r}: {error}; write it {FORM}, {_EXAMPLES}") from error
