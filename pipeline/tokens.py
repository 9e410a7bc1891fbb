"""Documents -> token windows. Writes `tokens/`: the chosen documents' tokens and where each begins."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pipeline.core.corpus import Source, open_source
from pipeline.core.files import StageFolder, digest, write_atomically
from pipeline.core.model_folder import ModelFolder
from pipeline.core.params import Params
from pipeline.core.progress import say
from pipeline.core.read_corpus import read_corpus
from pipeline.core.windows import save_corpus

VERSION = 2


def run(params: Params, work: Path) -> None:
    """Tokenises the corpus into `work/tokens`, or finds that it is there already."""
    folder = ModelFolder.resolve(params.model)
    sources = [open_source(text) for text in params.corpus]
    stage = StageFolder(work / "tokens", _key(params, folder, sources))
    if stage.is_finished():
        return
    stage.open()
    corpus = read_corpus(sources, folder, params.max_tokens)
    save_corpus(stage.path, corpus)
    tokenizer = stage.path / "tokenizer.json"
    write_atomically(tokenizer, folder.tokenizer().to_json().encode())
    stage.finish()
    say(f"tokens: {len(corpus.tokens):,} in {len(corpus.ids):,} documents; {corpus.too_short:,} too short")


def _key(params: Params, folder: ModelFolder, sources: list[Source]) -> str:
    tokenizer = hashlib.sha256(folder.tokenizer().to_json().encode()).hexdigest()
    return digest("tokens", VERSION, tokenizer, [(s.name, s.key) for s in sources], params.max_tokens)
