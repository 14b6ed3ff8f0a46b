"""`recdiff-sdk doctor`: versions, devices, providers, and the two runtimes that overwrite each other."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Any

import typer

from recdiff.errors import ArtifactError
from recdiff_cli.console import note, print_json, print_table
from recdiff_cli.options import Json

PACKAGES = (
    "recdiff-sdk",
    "torch",
    "onnx",
    "onnxruntime-gpu",
    "onnxruntime",
    "numpy",
    "scipy",
    "pyarrow",
    "scikit-learn",
    "safetensors",
    "typer",
    "rich",
)
REPAIR = (
    "onnxruntime and onnxruntime-gpu are both installed and overwrite each other's files; repair with: "
    "pip uninstall -y onnxruntime onnxruntime-gpu && pip install --force-reinstall --no-deps onnxruntime-gpu"
)


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("doctor")(doctor)


def doctor(json: Json = False) -> None:
    """Show versions, devices and providers, and what is wrong with them (exit 4 when something is)."""
    facts = examine()
    if json:
        print_json(facts)
    else:
        rows = [("python", facts["python"]), *((name, version or "-") for name, version in facts["packages"].items())]
        print_table(("package", "version"), rows)
        rows = [("cores", str(facts["cores"])), ("CUDA device", facts["cuda_device"] or "none")]
        rows += [("onnxruntime providers", ", ".join(facts["providers"]))]
        print_table(("device", ""), rows)
        note("all well" if not facts["problems"] else "")
    if facts["problems"]:
        raise ArtifactError("\n".join(facts["problems"]))


def examine() -> dict[str, Any]:
    """Return versions, devices, providers and problems."""
    packages = {name: _version(name) for name in PACKAGES}
    import onnxruntime
    import torch

    from recdiff.machine.cores import cores

    device = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    providers = list(onnxruntime.get_available_providers())
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": packages,
        "cores": cores(),
        "cuda_device": device,
        "providers": providers,
        "problems": problems(packages, device, providers),
    }


def problems(packages: dict[str, str | None], device: str | None, providers: list[str]) -> list[str]:
    """Return one sentence with its repair for each thing that is wrong."""
    found = []
    if packages["onnxruntime"] and packages["onnxruntime-gpu"]:
        found.append(REPAIR)
    if not packages["onnxruntime"] and not packages["onnxruntime-gpu"]:
        found.append("no ONNX runtime is installed; repair with: pip install onnxruntime-gpu")
    if device and "CUDAExecutionProvider" not in providers:
        found.append(f"torch sees {device} but this ONNX runtime was built without CUDA; pip install onnxruntime-gpu")
    return found


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
