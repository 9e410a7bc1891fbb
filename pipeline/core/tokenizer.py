"""The subject model's tokenizer, in one file or in GPT-2's two. The only file that knows `tokenizers`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from feature_atlas.errors import InputError
from pipeline.core.files import read_text

END_OF_TEXT = "<|endoftext|>"
_BYTE = re.compile("<0x([0-9A-F]{2})>")


class SubjectTokenizer:
    """Text to token types. Special tokens spelled out in a document are read as the text they are."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        tokenizer.encode_special_tokens = True
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer

    @classmethod
    def load(cls, folder: Path) -> SubjectTokenizer:
        """Reads `tokenizer.json`, or `vocab.json` with `merges.txt`; InputError if neither is there."""
        try:
            if (folder / "tokenizer.json").is_file():
                return cls(Tokenizer.from_file(str(folder / "tokenizer.json")))
            if (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
                return cls(_byte_level(folder))
        except Exception as error:  # `tokenizers` raises bare Exception for any bad file
            raise InputError(f"can't read the tokenizer in {folder}: {error}") from error
        raise InputError(
            f"{folder} has no tokenizer: put tokenizer.json, or vocab.json and merges.txt, beside the model"
        )

    def encode(self, texts: list[str]) -> list[list[int]]:
        """Token types of each text; nothing is added at either end."""
        encodings = self._tokenizer.encode_batch(texts, add_special_tokens=False)
        return [encoding.ids for encoding in encodings]

    def to_json(self) -> str:
        """The whole tokenizer as `tokenizer.json`."""
        return self._tokenizer.to_str()

    def first(self) -> int | None:
        """The token type that the tokenizer itself puts before a text, or None."""
        ids = self._tokenizer.encode("").ids
        return ids[0] if ids else None

    def vocabulary(self, d_vocab: int) -> tuple[list[str], list[int]]:
        """Text and kind (0 text, 1 hex of bytes that are no UTF-8, 2 special) of every token type."""
        added = self._tokenizer.get_added_tokens_decoder()
        texts, kinds, text_of = [""] * d_vocab, [0] * d_vocab, self._spelling()
        for piece, index in self._tokenizer.get_vocab(with_added_tokens=True).items():
            if index >= d_vocab:
                continue
            if index in added:
                texts[index], kinds[index] = piece, 2 if added[index].special else 0
            else:
                texts[index], kinds[index] = text_of(piece)
        return texts, kinds

    def _spelling(self) -> Callable[[str], tuple[str, int]]:
        """How to read a piece: by GPT-2's alphabet of bytes if the tokenizer's parts use it."""
        parts = json.loads(self.to_json())
        spelt = json.dumps([parts.get("pre_tokenizer"), parts.get("decoder")])
        return _byte_level_text if '"ByteLevel"' in spelt else _marked_text


def stated_bos(folder: Path) -> bool | None:
    """`add_bos_token` of tokenizer_config.json: whether the model reads a BOS first; None if unsaid."""
    path = folder / "tokenizer_config.json"
    if not path.is_file():
        return None
    try:
        stated = json.loads(read_text(path)).get("add_bos_token")
    except (ValueError, AttributeError) as error:
        raise InputError(f"{path} is not a JSON object: {error}") from error
    return stated if isinstance(stated, bool) else None


def _byte_level(folder: Path) -> Tokenizer:
    model = models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt"))
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    if tokenizer.token_to_id(END_OF_TEXT) is not None:
        tokenizer.add_special_tokens([AddedToken(END_OF_TEXT, special=True, normalized=False)])
    return tokenizer


def _byte_alphabet() -> dict[str, int]:
    """GPT-2's printable stand-ins: 188 bytes stand for themselves, the others from U+0100 on."""
    own = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in own]
    return {chr(b): b for b in own} | {chr(256 + i): b for i, b in enumerate(rest)}


_BYTES = _byte_alphabet()


def _byte_level_text(piece: str) -> tuple[str, int]:
    if not all(character in _BYTES for character in piece):
        return piece, 0
    return _text_of(bytes(_BYTES[character] for character in piece))


def _marked_text(piece: str) -> tuple[str, int]:
    """SentencePiece's spelling: a low bar for a space, and <0x0A> for a byte."""
    if found := _BYTE.fullmatch(piece):
        return _text_of(bytes.fromhex(found[1]))
    return piece.replace("\u2581", " "), 0


def _text_of(raw: bytes) -> tuple[str, int]:
    try:
        return raw.decode("utf-8"), 0
    except UnicodeDecodeError:
        return raw.hex(" "), 1
