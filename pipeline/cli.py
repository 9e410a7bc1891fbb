"""`atlas`: the one command."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from feature_atlas import AtlasError, Head, open_atlas
from feature_atlas.errors import InputError
from pipeline import cli_estimate, cli_publish, cli_verify
from pipeline.core.dictionary_spec import FORM, split_dictionaries
from pipeline.core.progress import say

app = typer.Typer(
    help="Atlases of the inside of a language model.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Config = Annotated[Path | None, typer.Option("--config", help="YAML file of parameters; flags go over it.")]
Out = Annotated[
    str, typer.Option("--out", help="Folder or URL of the atlas; its work folder is OUT.work beside it.")
]
Work = Annotated[
    Path | None,
    typer.Option("--work", help="Folder of this machine for the work on an atlas at a URL, kept in step."),
]


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the demo's atlas and site.")] = Path("build/demo"),
    serve: Annotated[bool, typer.Option(help="Open the site when it is built.")] = True,
    port: Annotated[int, typer.Option(help="Port of the local server.")] = 8000,
) -> None:
    """Build the embedded demo atlas and its site, and open it."""
    from pipeline.build import build
    from pipeline.core.embedded import embedded_root
    from pipeline.core.params import load_params
    from viewer_builder.build import build_site

    atlas = out / "atlas"
    build(load_params(embedded_root() / "params.yaml", {}), atlas)
    build_site(str(atlas), out / "site", link=None)
    say(f"site: {out / 'site'}; open it with: atlas serve {out / 'site'}")
    if serve:
        _serve(out / "site", port)


@app.command()
def build(
    out: Out,
    config: Config = None,
    title: Annotated[str | None, typer.Option(help="Shown at the head of every page.")] = None,
    model: Annotated[
        str | None, typer.Option(help="Folder of a GPT-2, GPT-NeoX, Llama or the like; or a hub name.")
    ] = None,
    corpus: Annotated[
        list[str] | None,
        typer.Option(
            help="demo-texts, python-docs, a path or glob, or hf:NAME[:CONFIG][:SPLIT][:COLUMN]; repeatable."
        ),
    ] = None,
    dictionary: Annotated[
        list[str] | None, typer.Option(help=f"{FORM}; repeatable. See docs/your-dictionary.md.")
    ] = None,
    neurons: Annotated[
        bool | None, typer.Option("--neurons/--no-neurons", help="Describe the MLP neurons.")
    ] = None,
    heads: Annotated[
        bool | None, typer.Option("--heads/--no-heads", help="Describe the attention heads.")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Read at most so many tokens.")] = None,
    ctx: Annotated[int | None, typer.Option(help="Tokens of one window.")] = None,
    device: Annotated[str | None, typer.Option(help="Where torch runs.")] = None,
    work: Work = None,
    engine: Annotated[str, typer.Option(help="Who scans: local, or ray (docs/scaling.md).")] = "local",
    workers: Annotated[int | None, typer.Option(help="Ray's; by default one a GPU or machine.")] = None,
    address: Annotated[str | None, typer.Option(help="HOST:PORT of a Ray cluster to join.")] = None,
) -> None:
    """Build an atlas: every stage, going on where a killed one stopped."""
    from pipeline.build import build as build_atlas
    from pipeline.core.engine import Engine
    from pipeline.core.params import given_params

    flags: dict[str, Any] = {
        "title": title,
        "model": model,
        "corpus": corpus,
        "dictionaries": split_dictionaries(dictionary),
        "neurons": neurons,
        "heads": heads,
        "max_tokens": max_tokens,
        "ctx": ctx,
        "device": device,
    }
    build_atlas(given_params(config, flags), out, work, Engine.of(engine, workers, address))


def _stage(name: str, does: str) -> None:
    """`atlas tokens`, `atlas scan`, …: one stage alone, as dvc.yaml calls it."""

    def command(
        config: Annotated[Path, typer.Option(help="YAML file of parameters.")], out: Out, work: Work = None
    ) -> None:
        from pipeline.build import run_stage
        from pipeline.core.params import load_params

        run_stage(name, load_params(config, {}), out, work)

    app.command(name, help=f"One stage: {does}.")(command)


_stage("tokens", "documents -> token windows")
_stage("scan", "windows -> examples and statistics")
_stage("describe", "weights -> logit effects, neighbours, virtual weights")
_stage("effects", "windows run again without a latent -> what it does there")
_stage("map", "directions and neighbours -> maps of latents")
_stage("quality", "held-out text -> how good each dictionary is")
_stage("assemble", "what the other stages left -> the atlas")


@app.command()
def show(
    url: Annotated[str, typer.Argument(help="An atlas, on disk or at a URL.")],
    address: Annotated[
        str | None,
        typer.Argument(help="A latent or head, as mlp_post.2/17 or attn.2/1; none for the manifest."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show one latent or head, or what the atlas was made of."""
    from pipeline.core.terminal import print_atlas, print_head, print_latent

    atlas = open_atlas(url)
    unit = atlas.at(address) if address else None
    if as_json:
        _print_json((unit or atlas).to_json())
    elif isinstance(unit, Head):
        print_head(unit)
    elif unit is not None:
        print_latent(unit)
    else:
        print_atlas(atlas)


@app.command()
def token(
    url: Annotated[str, typer.Argument(help="An atlas, on disk or at a URL.")],
    text: Annotated[str, typer.Argument(help="A token type, with its leading space: ' the'.")],
    by_number: Annotated[bool, typer.Option("--id", help="TEXT is the number of a token type.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show which units fire on a token, which promote it and which suppress it."""
    from pipeline.core.terminal import print_token

    if by_number and not text.isdecimal():
        raise InputError(f"--id {text} is not the number of a token type; leave out --id to look up a text")
    found = open_atlas(url).token(int(text) if by_number else text)
    if as_json:
        _print_json(found.to_json())
    else:
        print_token(found)


@app.command()
def search(
    url: Annotated[str, typer.Argument(help="An atlas, on disk or at a URL.")],
    text: Annotated[str, typer.Argument(help="A token, words, or a phrase.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Find token types, and latents by their labels and by the text they peak on."""
    from pipeline.core.terminal import print_found

    found = open_atlas(url).search(text)
    if as_json:
        _print_json(found.to_json())
    else:
        print_found(found)


@app.command()
def site(
    url: Annotated[str, typer.Argument(help="An atlas, on disk or at a URL.")],
    out: Annotated[Path, typer.Option(help="Folder of the site.")],
    link: Annotated[
        str | None, typer.Option(help="Where the site shall find the atlas, instead of a copy in it.")
    ] = None,
    exclude_documents: Annotated[
        Path | None, typer.Option(help="File of document ids, one a line, that the site shall not quote.")
    ] = None,
    comparison: Annotated[
        list[str] | None, typer.Option(help="Folder that atlas compare wrote; repeatable.")
    ] = None,
    beside: Annotated[
        list[str] | None,
        typer.Option(
            help="Folder of the other atlas of a comparison, to lay its latents beside; repeatable."
        ),
    ] = None,
) -> None:
    """Render the static site of an atlas."""
    from viewer_builder.build import build_site

    build_site(
        url,
        out,
        link=link,
        exclude=exclude_documents,
        comparisons=comparison or [],
        others=beside or [],
    )
    say(f"site: {out}; open it with: atlas serve {out}")


@app.command()
def serve(
    folder: Annotated[Path, typer.Argument(help="A site.")],
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 8000,
) -> None:
    """Serve a site on this machine, with byte ranges."""
    _serve(folder, port)


@app.command()
def export(
    url: Annotated[str, typer.Argument(help="An atlas, on disk or at a URL.")],
    to: Annotated[
        str, typer.Option(help="neuronpedia, circuit-tracer, feature-json, headvis, parquet or labels.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the export: new, empty, or an earlier export.")],
    dictionary: Annotated[
        list[str] | None,
        typer.Option(help="Id of a dictionary, for headvis of a layer's heads; repeatable. All without any."),
    ] = None,
) -> None:
    """Write an atlas in another tool's format."""
    from interchange.export import choose
    from interchange.export import export as write_export
    from pipeline.core.progress import step

    atlas = open_atlas(url)
    chosen = choose(atlas, to, dictionary or [])
    with step("export", sum(map(len, chosen)), "units") as progress:
        write_export(atlas, to, out, chosen, progress.advance)
    say(f"{to}: {out}, {sum(map(len, chosen)):,} units")


@app.command()
def label(
    url: Annotated[str, typer.Argument(help="An atlas, on disk or in a blob store.")],
    file: Annotated[
        Path, typer.Argument(help="CSV or JSON lines, or explanations of Neuronpedia or delphi.")
    ],
    dictionary: Annotated[
        str, typer.Option(help="Whose latents explanations speak of that tell no addresses.")
    ] = "",
    source: Annotated[
        str, typer.Option(help="Who says what has no source of its own; by default the file's name.")
    ] = "",
) -> None:
    """Bring labels into an atlas."""
    from interchange.labels import read_labels
    from pipeline.relabel import relabel

    atlas = open_atlas(url)
    n_labels = relabel(atlas, read_labels(file, atlas, dictionary, source))
    say(f"{url}: {n_labels:,} labels are new or changed; atlas site renders the pages with them")


@app.command()
def compare(
    a: Annotated[str, typer.Argument(help="ATLAS or ATLAS#DICTIONARY, as my/atlas#resid_post.2.sae.")],
    b: Annotated[str, typer.Argument(help="Another, or another dictionary of the same atlas.")],
    out: Annotated[Path, typer.Option(help="Folder of the comparison: a new one.")],
    config_a: Annotated[
        Path | None,
        typer.Option(help="YAML file that A was built from; by default ATLAS.work/params.yaml of its build."),
    ] = None,
    config_b: Annotated[
        Path | None, typer.Option(help="The same of B; that of A if both are one atlas.")
    ] = None,
    max_tokens: Annotated[
        int | None,
        typer.Option(min=1, help="Correlate over about so many tokens of A's corpus; over all without."),
    ] = None,
) -> None:
    """Compare dictionaries: which latents are matched, new, lost, split and merged.

    Without #DICTIONARY those of both atlases are paired that have one id, or else the same hook points.
    """
    from pipeline.compare import run
    from pipeline.core.sides import Side

    first = Side.open(a, config_a)
    one = a.partition("#")[0].rstrip("/") == b.partition("#")[0].rstrip("/")
    run(first, Side.open(b, config_b or (config_a if one else None)), out, max_tokens)
    say(f"comparison: {out}; atlas site ATLAS_A --comparison {out} renders it")


app.command()(cli_estimate.estimate)
app.command()(cli_verify.verify)
app.command()(cli_verify.repair)
app.command()(cli_publish.publish)


def _print_json(shown: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(shown, ensure_ascii=False, indent=1) + "\n")


def _serve(folder: Path, port: int) -> None:
    from viewer_builder.serve import serve as serve_site

    serve_site(folder, port)


@contextmanager
def _one_line_errors() -> Generator[None]:
    """Users' mistakes and the system's refusals: one line on stderr and exit code 2."""
    try:
        yield
    except AtlasError as error:
        _fail(str(error))
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        remedy = {
            errno.ENOSPC: "; free space, then run the same command: it goes on where it stopped",
            errno.EACCES: "; choose a folder you may write to",
            errno.EROFS: "; choose a folder you may write to",
        }.get(error.errno or 0, "")
        _fail(f"{error.strerror or error}{where}{remedy}")
    except KeyboardInterrupt:
        _fail("stopped; run the same command to go on from the last checkpoint", 130)


def _fail(line: str, code: int = 2) -> None:
    sys.stderr.write(f"atlas: {' '.join(line.split())}\n")
    raise SystemExit(code)


def main() -> None:
    """The entry point."""
    # torch, numba and scikit-learn have threads of their own, which would spin on each other's cores while
    # they wait: short products took twice the CPU time. Read when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    with _one_line_errors():
        app()
