"""Mistakes that a user can make: each is one line that names the thing, its value and the remedy."""

from __future__ import annotations


class AtlasError(Exception):
    """A user's mistake or an unfit input. The command line prints it and exits with code 2."""


class AddressError(AtlasError):
    """An address, hook point, dictionary name or token type that does not parse or does not exist."""


class FormatError(AtlasError):
    """A store that is not an atlas, is of an unknown version, or is damaged."""


class InputError(AtlasError):
    """A model, dictionary, corpus, parameter or folder that can't be used as given."""
