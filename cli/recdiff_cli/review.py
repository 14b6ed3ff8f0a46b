"""`recdiff-sdk review`: look and decide, on a page of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recdiff_cli.console import note
from recdiff_cli.options import DEFAULT_MODEL, DataFolder, ModelFolder, Who

PORT = 8765


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("review")(review)


def review(
    *,
    model: ModelFolder = DEFAULT_MODEL,
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", help="Port of the page; 0: any that is free.")
    ] = PORT,
    audit: Annotated[
        Path | None, typer.Option("--audit", metavar="FILE", help="A table of audit, to be answered on the page.")
    ] = None,
    data: DataFolder = None,
    who: Who = "",
    browse: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Look at groups, accounts and edges and decide, on a page that this machine alone can open (extra [serve])."""
    from recdiff.review.desk import Desk
    from recdiff_export.review.server import serve_review

    def said(address: str) -> None:
        note(f"open {address} (stop with Ctrl-C); whoever knows this address can decide")
        if browse:
            import webbrowser

            webbrowser.open(address)

    serve_review(Desk(model, data=data, who=who, audit=audit), port, said)
