"""`recdiff-sdk export` and `serve`: from a model folder to a bundle, and from a bundle to a server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from recdiff.errors import UsageError
from recdiff_cli.console import note, print_json, print_table
from recdiff_cli.options import DEFAULT_MODEL, Json, ModelFolder

Opened = Annotated[Path, typer.Option("--model", metavar="DIR", help="The model folder, or an exported bundle.")]


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command("export")(export)
    app.command("serve")(serve)


def export(
    *,
    onnx: Annotated[bool, typer.Option("--onnx", help="Write the ONNX bundle.")] = False,
    model: ModelFolder = DEFAULT_MODEL,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Default: MODEL/onnx.")] = None,
    triton: Annotated[
        Path | None, typer.Option("--triton", metavar="DIR", help="Write a Triton repository too.")
    ] = None,
    huggingface: Annotated[
        Path | None, typer.Option("--huggingface", metavar="DIR", help="Write a Hugging Face folder too.")
    ] = None,
    json: Json = False,
) -> None:
    """Export denoiser, scorer and recommender to ONNX; fails, leaving nothing, where they differ from the model."""
    if not (onnx or triton or huggingface):
        raise UsageError("say what to export: --onnx, --triton DIR or --huggingface DIR")
    from recdiff.storage.manifest import BUNDLE
    from recdiff_export.bundle.from_model import parts_of
    from recdiff_export.bundle.parity import TOLERANCE
    from recdiff_export.bundle.write import export_bundle

    parts = parts_of(model)
    bundle = out or model / BUNDLE
    written = export_bundle(parts, bundle)
    others: dict[str, str] = {}
    if triton:
        from recdiff_export.targets.triton import export_triton

        others["triton"] = str(export_triton(parts, bundle, triton))
    if huggingface:
        from recdiff_export.targets.huggingface import export_huggingface

        others["huggingface"] = str(export_huggingface(parts, bundle, huggingface))
    if json:
        print_json({"bundle": str(bundle), "files": written.files, "largest_difference": written.max_error, **others})
        return
    print_table((str(bundle), "bytes"), sorted(written.files.items()))
    note(f"largest difference from the model: {written.max_error:.1e} (allowed: {TOLERANCE:.1e})")
    for name, place in others.items():
        note(f"{name}: {place}")


def serve(
    model: Opened = DEFAULT_MODEL,
    host: Annotated[
        str, typer.Option(help="Address to listen on; the default is reachable from this machine only.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", help="Port to listen on; 0: any that is free.")
    ] = 8000,
    device: Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where to compute.")] = "auto",
    token: Annotated[
        str | None, typer.Option(envvar="RECDIFF_TOKEN", help="Bearer token that requests must carry.")
    ] = None,
) -> None:
    """Serve scores and recommendations over HTTP (Open Inference Protocol v2; extra [serve])."""
    from recdiff_export.opening import open_bundle
    from recdiff_export.serve.options import ServeOptions
    from recdiff_export.serve.server import serve as listen
    from recdiff_export.serve.server import wait_with_reloads

    options = ServeOptions(token=token)
    wait_with_reloads()
    scorer = open_bundle(model, device, verify=True)

    def said(address: str) -> None:
        note(f"listening on {address} (stop with Ctrl-C)")

    listen(scorer, host=host, port=port, options=options, listening=said)
