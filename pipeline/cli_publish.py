"""`atlas publish`."""

from __future__ import annotations

from typing import Annotated

import typer

from feature_atlas.errors import InputError
from pipeline.core.progress import say


def publish(
    source: Annotated[str, typer.Argument(metavar="SITE_OR_ATLAS", help="Folder of a site or an atlas.")],
    url: Annotated[str, typer.Argument(help="A folder, az://CONTAINER/PREFIX, s3:// or gs://BUCKET/PREFIX.")],
    keep: Annotated[int, typer.Option(min=0, help="Earlier publications whose runs stay there.")] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would be done.")] = False,
    fix_cors: Annotated[
        bool, typer.Option("--fix-cors", help="Let pages of any site read it: sets a rule (Azure, Google).")
    ] = False,
) -> None:
    """Publish a site or an atlas: what changed is sent, readers see the old or the new."""
    from pipeline.core.blobs import open_place
    from pipeline.core.outside import is_private, wrong_outside
    from pipeline.core.publication import Publication
    from pipeline.publish import publish as publish_to

    publication, place = Publication.of(source), open_place(url)
    if fix_cors and not dry_run:
        place.allow_every_origin()
    publish_to(publication, place, keep=keep, dry_run=dry_run)
    if dry_run:
        return
    public = place.public_url("index.html" if publication.kind == "site" else "atlas.json")
    if public is None:
        say(f"{place.url}: published; docs/publishing.md tells what its host must do")
        return
    if is_private(place, publication):
        say(f"published; {public} is refused to visitors. {place.private_advice}")
        return
    wrong = list(wrong_outside(place, publication))
    for line in wrong:
        say(f"wrong: {line}")
    say(f"published: {public}")
    if wrong:
        raise InputError(f"{public} is published, but {len(wrong)} of what visitors need does not hold")
