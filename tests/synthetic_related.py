"""Made-up numbers of the units that belong to a latent, for the synthetic atlases."""

from __future__ import annotations

from typing import Any

import numpy as np

from feature_atlas.contract import N_COFIRING, N_NEIGHBOURS, N_VIRTUAL, N_WRITERS

# Of the normal atlas: by dictionary those upstream of it, and the layer's others.
UPSTREAM = {"resid_post.1.toy": ["mlp_post.0", "mlp_post.1"], "mlp_post.1": ["mlp_post.0"]}
MATES = {"resid_post.1.toy": ["mlp_post.1"]}
N_THERE = 96  # latents of each of them
CHANCE = 0.3125


def sides(name: str) -> dict[str, list[str]]:
    """The dictionaries upstream and downstream of one."""
    fed = [other for other, units in UPSTREAM.items() if name in units]
    return {"upstream": UPSTREAM.get(name, []), "downstream": fed}


def attributes(name: str) -> dict[str, Any]:
    """What a group says of them."""
    told = {
        side: {"dictionaries": units, "chance": CHANCE} if units else None
        for side, units in sides(name).items()
    }
    return {**told, "mates": MATES.get(name, [])}


def sizes(name: str) -> dict[str, int]:
    """Lengths of the axes: nothing is told of dictionaries that have no one upstream or downstream."""
    told = {side: N_VIRTUAL if units else 0 for side, units in sides(name).items()}
    more = any(told.values())
    return {**told, "encoder": N_NEIGHBOURS if more else 0, "writer": N_WRITERS if more else 0}


def fields(name: str, latent: int, n: int) -> dict[str, Any]:
    """The fields of one of n latents. Every fifth has nobody upstream; every third no partner."""
    random = np.random.default_rng(latent)
    length = sizes(name)
    found: dict[str, Any] = {
        "encoder_index": (latent + 5 + np.arange(length["encoder"])) % n,
        "encoder_cosine": np.sort(random.uniform(0.1, 0.9, length["encoder"]))[::-1],
        "writer_head": np.arange(length["writer"]),
        "writer_norm": np.sort(random.uniform(0.5, 3, length["writer"]))[::-1],
    }
    for side, units in sides(name).items():
        slots = length[side]
        there = (np.arange(slots) < 6) & (latent % 5 != 0)
        cosine = np.sort(random.uniform(0.1, 0.8, slots))[::-1] * random.choice([-1, 1], slots)
        found |= {
            f"{side}_dictionary": np.where(there, random.integers(0, max(len(units), 1), slots), 0),
            f"{side}_index": np.where(there, random.choice(N_THERE, slots, replace=False), 0),
            f"{side}_cosine": np.where(there, cosine, 0),
            f"{side}_weight": np.where(there, cosine * 3.7, 0),
        }
    slots = N_COFIRING if name in MATES else 0
    there = np.arange(slots) < latent % 3
    found |= {
        "across_dictionary": np.zeros(slots),
        "across_index": np.where(there, (latent + 9 + np.arange(slots)) % N_THERE, 0),
        "across_count": np.where(there, 40 - np.arange(slots), 0),
        "across_cosine": np.where(there, 0.5 - np.arange(slots) / 100, 0),
    }
    return found
