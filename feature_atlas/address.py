"""Hook points, dictionary names and addresses: one spelling in parameters, stores, URLs and pages."""

from __future__ import annotations

import re
from dataclasses import dataclass

from feature_atlas.errors import AddressError

POINTS = {
    "resid_pre": "residual stream entering the block",
    "ln1_out": "what attention reads",
    "attn_v": "value vectors, per head",
    "attn_z": "head outputs before W_O, heads concatenated",
    "attn_pattern": "post-softmax attention, [head, query, key]",
    "attn_out": "what attention adds to the residual stream",
    "resid_mid": "residual stream between attention and MLP",
    "ln2_out": "what the MLP reads",
    "mlp_post": "neurons, after the nonlinearity",
    "mlp_out": "what the MLP adds to the residual stream",
    "resid_post": "residual stream leaving the block",
}

_DICTIONARY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, order=True)
class HookPoint:
    """A place in the subject model, written `<point>.<layer>`, e.g. `resid_post.2`."""

    point: str
    layer: int

    def __str__(self) -> str:
        return f"{self.point}.{self.layer}"

    @classmethod
    def parse(cls, text: str) -> HookPoint:
        """Reads `<point>.<layer>`; raises AddressError with the known points otherwise."""
        point, _, layer = text.partition(".")
        if point not in POINTS or not re.fullmatch(r"0|[1-9][0-9]{0,3}", layer):
            raise AddressError(f"hook point {text!r} is not <point>.<layer>; points: {', '.join(POINTS)}")
        return cls(point, int(layer))


@dataclass(frozen=True)
class Address:
    """One latent, written `<dictionary>/<index>`, e.g. `mlp_post.2/17`."""

    dictionary: str
    index: int

    def __str__(self) -> str:
        return f"{self.dictionary}/{self.index}"

    @classmethod
    def parse(cls, text: str) -> Address:
        """Reads `<dictionary>/<index>`; raises AddressError otherwise."""
        dictionary, slash, index = text.rpartition("/")
        if not slash or not re.fullmatch(r"0|[1-9][0-9]{0,9}", index):
            raise AddressError(f"address {text!r} is not <dictionary>/<index>, as in mlp_post.2/17")
        return cls(check_dictionary_id(dictionary), int(index))


def check_dictionary_id(text: str) -> str:
    """Returns `text` if it can name a dictionary in a store and a URL; raises AddressError if not."""
    if not _DICTIONARY_ID.fullmatch(text) or ".." in text:
        raise AddressError(
            f"dictionary id {text!r} is not made of letters, digits, '.', '_' and '-' (at most 100)"
        )
    return text
