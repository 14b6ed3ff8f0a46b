"""Build wheel and sdist, check them, install the wheel in an environment of its own, and run the README's commands.

Run as ``python tests/wheel.py``. Fails when a command fails, an output is missing or the commands take too long.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIMIT_SECONDS = 300.0
OUTPUTS = (
    "data/truth.parquet",
    "recdiff-model/manifest.json",
    "recdiff-model/onnx/denoiser.onnx",
    "recdiff-model/onnx/scorer.onnx",
    "cleaned-edges/kept.parquet",
    "cleaned-edges/removed.parquet",
    "cleaned-edges/summary.json",
    "recommendations.parquet",
)
PAGE = ("index.html", "main.js", "review.css", "icon.svg", "cytoscape.min.js", "cytoscape.LICENSE.txt")


def readme_commands() -> list[str]:
    """Return the commands of the README's first console block."""
    block = re.search(r"```console\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    if block is None:
        raise SystemExit("README.md has no console block")
    return [line.removeprefix("$ ") for line in block.group(1).splitlines() if line.startswith("$ ")]


def main() -> None:
    """Build, install, run, look."""
    with tempfile.TemporaryDirectory(prefix="recdiff-wheel-") as name:
        work = Path(name)
        # The wheel is built from the source distribution, so that one is whole too.
        subprocess.run([sys.executable, "-m", "build", "--outdir", str(work), str(ROOT)], check=True)
        (wheel,), (source,) = work.glob("*.whl"), work.glob("*.tar.gz")
        subprocess.run([sys.executable, "-m", "twine", "check", "--strict", str(wheel), str(source)], check=True)
        wanted = {"recdiff/studies/published.toml", *(f"recdiff_export/review/page/{name}" for name in PAGE)}
        left_out = wanted - set(zipfile.ZipFile(wheel).namelist())
        if left_out:
            raise SystemExit(f"the wheel lacks {', '.join(sorted(left_out))}")
        venv.create(work / "env", with_pip=True)
        binaries = work / "env" / "bin"
        install = [binaries / "python", "-m", "pip", "install", "-q", str(wheel), "-c", str(ROOT / "tests/light.txt")]
        subprocess.run(install, check=True)
        (work / "folder").mkdir()
        started = time.monotonic()
        for command in readme_commands():
            print(f"$ {command}", flush=True)
            program, *arguments = command.split()
            subprocess.run([binaries / program, *arguments], check=True, cwd=work / "folder")
        seconds = time.monotonic() - started
        missing = [output for output in OUTPUTS if not (work / "folder" / output).is_file()]
        if missing:
            raise SystemExit(f"the README's commands did not write {', '.join(missing)}")
        print(f"README commands: {seconds:.1f} s")
        if seconds > LIMIT_SECONDS:
            raise SystemExit(f"the README's commands took {seconds:.0f} s, more than {LIMIT_SECONDS:.0f} s")


if __name__ == "__main__":
    main()
