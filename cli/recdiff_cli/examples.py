"""An example of each command, shown at the end of its ``--help``."""

from __future__ import annotations

EXAMPLES = {
    "accounts": "accounts --top 50",
    "audit": "audit --size 200 --out audit.csv",
    "clean-edges": "clean-edges --threshold 0.3",
    "corrupt": "corrupt data/ --kind two-hop --share 0.2 --out spoiled/",
    "decide": 'decide fake paula-0300,marek-2038 --reason "bought"',
    "doctor": "doctor --json",
    "evaluate": "evaluate data/",
    "evaluate-edges": "evaluate-edges --truth data/truth.parquet",
    "explain": "explain paula-0300 marek-2038",
    "export": "export --onnx",
    "fit": "fit data/ --out recdiff-model",
    "recommend": "recommend --users jin-0000 --k 10",
    "report": "report --out studies",
    "restore": 'restore paula-0300,marek-2038 --reason "cousins"',
    "review": "review --port 0",
    "sample": "sample data/ --users 3000",
    "serve": "serve --port 8000",
    "study": "study overall data/ --quick",
    "update": "update --edges new.parquet",
    "validate": "validate data/ --split time",
}


def epilog(command: str) -> str | None:
    """Return the last paragraph of the help of ``command``, None where it has no example."""
    return f"Example: recdiff-sdk {EXAMPLES[command]}" if command in EXAMPLES else None
