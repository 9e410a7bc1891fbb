"""What an atlas is, and how to read one: `open_atlas(url)["mlp_post.2"][17]`. Never needs torch."""

from feature_atlas.atlas import Atlas, Dictionary, Example, Latent, Layout, open_atlas
from feature_atlas.errors import AtlasError
from feature_atlas.heads import Head, HeadExample, Heads
from feature_atlas.labels import Label
from feature_atlas.search import Found
from feature_atlas.token import Token

__all__ = [
    "Atlas",
    "AtlasError",
    "Dictionary",
    "Example",
    "Found",
    "Head",
    "HeadExample",
    "Heads",
    "Label",
    "Latent",
    "Layout",
    "Token",
    "open_atlas",
]
