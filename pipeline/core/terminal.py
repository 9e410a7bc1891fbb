"""A latent, a head, a token, or an atlas, as text in the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from feature_atlas import Atlas, Example, Found, Head, HeadExample, Latent, Token

_SHOWN = 5
_UNITS = 10
# What a list of other units is called, its key, and the number told with each.
_RELATED = (
    ("nearest", "neighbours", ""),
    ("reads like", "encoder_neighbours", ""),
    ("fires with", "cofiring", ""),
    ("upstream", "upstream", "cosine"),
    ("downstream", "downstream", "cosine"),
    ("heads", "writers", ""),
)


def print_atlas(atlas: Atlas) -> None:
    """What was looked into, and a table of the dictionaries."""
    manifest, console = atlas.manifest, Console(highlight=False)
    model, corpus = manifest.model, manifest.corpus
    console.print(f"[bold]{_plain(manifest.title)}[/]  run {manifest.run}")
    console.print(
        f"model   {_plain(model.name)}: {model.n_layers} x {model.d_model}, {model.n_parameters:,} parameters"
    )
    console.print(
        f"corpus  {_plain(', '.join(corpus.sources))}: {corpus.n_documents:,} documents,"
        f" {manifest.windowing.counted_tokens:,} counted tokens"
    )
    table = Table("dictionary", "kind", "reads", "latents", "alive", box=None)
    for record in manifest.dictionaries:
        table.add_row(record.id, record.kind, record.hook_in, f"{record.n_latents:,}", f"{record.alive:,}")
    for record in manifest.heads:
        table.add_row(record.id, "heads", f"attn_pattern.{record.layer}", f"{record.n_heads:,}", "")
    console.print(table)


def print_latent(latent: Latent) -> None:
    """Statistics, top examples, the strongest token types and the logit effects."""
    shown, console = latent.to_json(), Console(highlight=False)
    console.print(f"[bold]{latent.address}[/]  {shown['hook_point']}")
    for label in latent.labels:
        score = "" if label.score is None else f", score {label.score:.3g}"
        console.print(Text(f"{label.text}  ({label.source}{score})"), soft_wrap=True)
    console.print(
        f"fires on {shown['firings']:,} of {shown['counted_tokens']:,} tokens"
        f" ({shown['density']:.3%}), max {shown['max_activation']:.3g},"
        f" mean when firing {shown['mean_when_firing']:.3g}"
    )
    ablations = iter(shown["ablations"])
    for example in latent.examples("top")[:_SHOWN]:
        console.print(_strip(example), no_wrap=True, overflow="ellipsis")
        if ablation := next(ablations, None):
            console.print(_ablation(ablation), soft_wrap=True)
    for name, key in (("fires on", "fires_on"), ("promotes", "promoted"), ("suppresses", "suppressed")):
        tokens = " ".join(repr(row["token"]) for row in shown[key][:8])
        console.print(Text(f"{name:<10} {tokens}"), soft_wrap=True)
    for name, key, number in _RELATED:
        units = (row["address"] + (f" {row[number]:+.2f}" if number else "") for row in shown[key][:_SHOWN])
        console.print(f"{name:<10} " + " ".join(units), soft_wrap=True)


def print_head(head: Head) -> None:
    """Scores, the windows of largest write norm around their peaks, and the strongest token types."""
    shown, console = head.to_json(), Console(highlight=False)
    console.print(f"[bold]{head.address}[/]  over {shown['counted_tokens']:,} counted tokens")
    table = Table("score", "", box=None)
    table.columns[1].justify = "right"
    for name, value in head.scores.items():
        table.add_row(name, f"{value:.4g}")
    console.print(table)
    for example in head.examples("write")[:_SHOWN]:
        console.print(_pair(example), no_wrap=True, overflow="ellipsis")
    for name, key in (("looks from", "query_tokens"), ("looks at", "key_tokens")):
        tokens = " ".join(repr(row["token"]) for row in shown[key][:8])
        console.print(Text(f"{name:<10} {tokens}"), soft_wrap=True)
    for row in shown["ov"][:_SHOWN]:
        tokens = " ".join(repr(each["token"]) for each in row["promoted"][:8])
        console.print(Text(f"at {row['token']!r} promotes {tokens}"), soft_wrap=True)


def print_token(token: Token) -> None:
    """How often it occurs, and tables of the units that fire on it, promote it and suppress it."""
    console = Console(highlight=False)
    console.print(Text(f"{token.text!r}  type {token.id}, occurs {token.count:,} times"), soft_wrap=True)
    _table(
        console,
        ("fires on it", "cosine", "P(fires)"),
        [(unit.address, f"{unit.cosine:.3f}", f"{unit.p_fire_given_token:.3f}") for unit in token.fires],
    )
    for name, units in (("promotes it", token.promoted), ("suppresses it", token.suppressed)):
        rows = [(unit.address, f"{unit.value_at_max:+.3g}", f"{unit.value:+.3g}") for unit in units]
        _table(console, (name, "logits at max", "per unit"), rows)


def print_found(found: Found) -> None:
    """The token types, what fires on the phrase, and the latents, each with what it was found by."""
    console = Console(highlight=False)
    tokens = " ".join(repr(match.token) for match in found.tokens[:_UNITS])
    console.print(Text(f"tokens     {tokens}"), soft_wrap=True)
    if found.phrase is not None:
        console.print(Text(f"phrase     {' '.join(map(repr, found.phrase.tokens))}"), soft_wrap=True)
        rows = [(u.address, f"{u.cosine:.3f}", f"{u.p_fire_given_token:.3f}") for u in found.phrase.fires]
        _table(console, ("fires on all of it", "lowest cosine", "lowest P(fires)"), rows)
    for name, hits in (("by label", found.labels), ("by text", found.texts)):
        rows = [(hit.address, " ".join(hit.terms), hit.label or repr(hit.top_token)) for hit in hits]
        _table(console, (name, "words", "label or top token"), rows)


def _table(console: Console, head: tuple[str, str, str], rows: list[tuple[str, str, str]]) -> None:
    table = Table(head[0], box=None)
    for name in head[1:]:
        table.add_column(name, justify="right")
    for row in rows[:_UNITS]:
        table.add_row(*map(Text, row))
    console.print(table)


def _strip(example: Example) -> Text:
    """One line around the peak, the peak in reverse."""
    line = Text(f"{example.activation:8.3f}  ")
    for index in range(max(0, example.peak - 12), min(len(example.tokens), example.peak + 8)):
        token = example.tokens[index].replace("\n", "⏎").replace("\t", "⇥")
        line.append(token, "reverse" if index == example.peak else "")
    return line


def _ablation(told: dict[str, Any]) -> Text:
    """One line: how much dearer the next token and those after it are without the latent, and what moves."""
    rises = [f"{name} {told[name]:+.3g}" for name in ("loss", "later") if told[name] is not None]
    numbers = ", ".join([*rises, f"KL {told['kl']:.3g}"])
    tokens = " ".join(repr(row["token"]) for row in told["lowered"][:3])
    return Text(f"{'':10}without it: {numbers}; less likely {tokens}")


def _pair(example: HeadExample) -> Text:
    """The tokens up to the query in reverse, with the key underlined."""
    line = Text(f"{example.write:8.3f}  ")
    first = max(0, min(example.key, example.query - 16) - 2)
    for index in range(first, min(len(example.tokens), example.query + 4)):
        token = example.tokens[index].replace("\n", "⏎").replace("\t", "⇥")
        line.append(token, {example.query: "reverse", example.key: "underline"}.get(index, ""))
    return line


def _plain(text: str) -> str:
    return text.replace("[", r"\[")
