"""Every command and every snippet of docs/adapters.md is run as it stands there."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from recdiff_adapters import ACCOUNT_FORMATS, EDGE_FORMATS, RECOMMENDATION_FORMATS, write
from tests.adapters import adapter_samples as samples
from tests.adapters.test_to_rules import NAMES, accounts

PAGE = Path(__file__).parents[2] / "docs" / "adapters.md"
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE.read_text(encoding="utf-8"), re.M | re.S))
INTRODUCTION = PAGE.read_text(encoding="utf-8").split("\n## ")[0]
WORDS = {"Objects in Python", "Directed or not", "Options", "Accounts and groups", "rules"}
KEPT = [("007", "7"), ("7", "Zoë")]
ALL = samples.rows(samples.edges(), "src", "dst")
# What the snippet of a section must have read, as pairs of ids.
FOUND: dict[str, Callable[[dict[str, Any]], list[Any]]] = {
    "csv": lambda names: list(zip(names["edges"]["src"], names["edges"]["dst"], strict=True)),
    "parquet": lambda names: names["edges"].select("src", "dst").rows(),
    "jsonl": lambda names: [(row["src"], row["dst"]) for row in names["edges"]],
    "arrow": lambda names: samples.rows(names["edges"], "src", "dst"),
    "npz": lambda names: [
        (names["users"][int(row)].as_py(), names["users"][int(column)].as_py())
        for row, column in zip(*names["matrix"].nonzero(), strict=True)
    ],
    "graphml": lambda names: list(names["graph"].edges) if len(names["same"].es) == 3 else [],
    "gexf": lambda names: list(names["graph"].edges),
    "duckdb": lambda names: [row[:2] for row in names["edges"]],
    "sqlite": lambda names: [row[:2] for row in names["edges"]],
    "postgres": lambda names: [row[:2] for row in names["edges"]],
}
HOLDS_KEPT_ONLY = {"npz", "duckdb", "sqlite", "postgres"}  # the last three: as their snippets ask


def blocks(text: str, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", text, re.M | re.S)


def run_commands(section: str, change: Callable[[str], str] = str) -> list[Path]:
    """Write what the section's recdiff-sdk commands would write; return the paths."""
    paths = []
    for line in "".join(blocks(section, "console")).splitlines():
        words = shlex.split(change(line))
        if words[0] != "recdiff-sdk":
            continue
        given = dict(pairwise(words))
        table = samples.edges() if words[1] == "clean-edges" else samples.recommendations()
        path = write(given["--format"], table, given["--out"])
        paths += [path] if path else []
    return paths


def run_snippet(text: str) -> dict[str, Any]:
    """Run a section's Python and return its names; a library that is not installed skips."""
    names: dict[str, Any] = {}
    for module in re.findall(r"^(?:import|from) (\w+)", text, re.M):
        pytest.importorskip(module)
    exec(compile(text, str(PAGE), "exec"), names)
    return names


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cleaned-edges").mkdir()
    parquet.write_table(samples.edges(), tmp_path / "cleaned-edges" / "kept.parquet")


def test_every_format_has_a_row_a_section_and_a_command() -> None:
    assert set(EDGE_FORMATS) == set(SECTIONS) - WORDS
    for name, entry in EDGE_FORMATS.items():
        row = next(line for line in INTRODUCTION.splitlines() if line.startswith(f"| [{name}](#{name})"))
        assert row.endswith(f"| `recdiff-sdk[{entry.extra}]` |" if entry.extra else "| |")
        assert ("(edges only)" in row) == (name not in RECOMMENDATION_FORMATS)
        assert f"recdiff-sdk clean-edges --threshold 0.3 --format {name} --out " in SECTIONS[name]


@pytest.mark.parametrize("name", [name for name in FOUND if name != "postgres"])
def test_a_snippet_reads_what_its_command_writes(name: str) -> None:
    if EDGE_FORMATS[name].extra:
        pytest.importorskip(str(EDGE_FORMATS[name].extra))
    run_commands(SECTIONS[name])
    names = run_snippet("".join(blocks(SECTIONS[name], "python")))
    assert sorted(FOUND[name](names)) == (KEPT if name in HOLDS_KEPT_ONLY else ALL)


def test_the_postgres_snippet_reads_what_its_command_writes(server: str) -> None:
    def local(text: str) -> str:
        assert "postgresql://me@localhost/social" in text
        return text.replace("postgresql://me@localhost/social", server)

    run_commands(SECTIONS["postgres"], local)
    names = run_snippet(local("".join(blocks(SECTIONS["postgres"], "python"))))
    assert FOUND["postgres"](names) == KEPT


def test_the_rules_snippet_reads_what_its_command_writes() -> None:
    (words,) = [shlex.split(line) for line in "".join(blocks(SECTIONS["rules"], "console")).splitlines()]
    given = dict(pairwise(words))
    assert given["--with"].startswith("expiry=")
    write(given["--format"], accounts(), given["--out"], expiry=given["--with"].partition("=")[2])
    assert [row["entity_id"] for row in run_snippet("".join(blocks(SECTIONS["rules"], "python")))["held"]] == ["007"]
    (example,) = blocks(SECTIONS["rules"], "json")
    assert list(json.loads(example)) == NAMES
    assert all(name in SECTIONS["Accounts and groups"] for name in set(ACCOUNT_FORMATS) - {"rules"})


@pytest.mark.parametrize("name", ["selfrec", "qrec"])
def test_a_configuration_names_the_file_that_is_written(name: str) -> None:
    (path,) = run_commands(SECTIONS[name])
    assert f"./{path}`" in SECTIONS[name]


def test_the_neo4j_command_names_the_files_that_are_written() -> None:
    (folder,) = run_commands(SECTIONS["neo4j"])
    named = re.findall(r"--(?:nodes|relationships)=(\S+)", SECTIONS["neo4j"])
    assert sorted(named) == sorted(str(path) for path in folder.iterdir())


def test_the_recbole_snippet_reads_what_its_commands_write(tmp_path: Path) -> None:
    python = Path(os.environ.get("RECDIFF_RECBOLE_VENV", ""), "bin", "python")
    if not python.is_absolute() or not python.exists():
        pytest.skip("RECDIFF_RECBOLE_VENV names no environment with recbole 1.2.1")
    run_commands(SECTIONS["recbole"])
    program = "".join(blocks(SECTIONS["recbole"], "python")) + "print('rows:', len(edges))\n"
    done = subprocess.run([str(python), "-W", "ignore", "-c", program], capture_output=True, text=True, check=False)
    assert "rows: 2" in done.stdout, done.stderr[-2000:]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_objects_are_made() -> None:
    for module in ("networkx", "igraph", "pandas", "polars", "torch_geometric"):
        pytest.importorskip(module)
    names = run_snippet("".join(blocks(SECTIONS["Objects in Python"], "python")))
    assert list(names["graph"].edges) == ALL
    assert names["vertices"]["id"] == names["ids"].tolist() == ["007", "7", "Zoë"]
    assert len(names["frame"]) == names["columns"].height == names["social"].shape[1] == 3


def test_the_introduction_runs() -> None:
    table = samples.edges(fake_score=[0.25, 0.5, 0.875])
    parquet.write_table(table, Path("cleaned-edges", "kept.parquet"))
    names = run_snippet("".join(blocks(SECTIONS["Options"], "python")))
    assert names["path"] == names["same"] == Path("recbole/mine/mine.net")
