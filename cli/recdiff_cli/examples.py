"""An example of each command, at the end of its ``--help``, and its line in the list of all commands."""

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

LINES = {
    "accounts": "Rank accounts by the probability that they are fake.",
    "audit": "Draw edges or accounts to judge, or read the verdicts.",
    "clean-edges": "Divide edges into kept and removed ones.",
    "corrupt": "Write a copy of a data folder with injected fake edges.",
    "decide": "Decide for good what is fake and what is real.",
    "doctor": "Show versions and devices, and what is wrong with them.",
    "evaluate": "Judge the ranking of items, simple baselines beside it.",
    "evaluate-edges": "Hold fake scores against known truth.",
    "export": "Export the model to ONNX.",
    "fit": "Fit the model: recommender and edge scorer.",
    "report": "Assemble all studies of a folder into one HTML file.",
    "restore": "Put removed edges back among the kept ones, for good.",
    "review": "Look at groups, accounts and edges and decide.",
    "sample": "Write a made-up data folder with planted fake edges.",
    "serve": "Serve scores and recommendations over HTTP.",
    "study": "Run a study, or go on with one that was killed.",
    "update": "Take new data into a model without another fit.",
}
"""Of commands whose first sentence is too long for a line of 80 columns."""


def epilog(command: str) -> str | None:
    """Return the last paragraph of the help of ``command``, None where it has no example."""
    return f"Example: recdiff-sdk {EXAMPLES[command]}" if command in EXAMPLES else None
