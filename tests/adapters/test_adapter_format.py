from __future__ import annotations

import ast
import sys
from pathlib import Path

import pyarrow as pa
import pytest

import recdiff_adapters
from recdiff_adapters import (
    ACCOUNT_FORMATS,
    EDGE_FORMATS,
    RECOMMENDATION_FORMATS,
    AdapterError,
    MissingLibrary,
    OptionError,
    to_networkx,
    write,
)
from tests.adapters import adapter_samples as samples

PACKAGE = Path(recdiff_adapters.__file__).parent
UNPROVEN = {"qrec", "recbole", "selfrec"}  # Nothing in such a file says who wrote it.
ON_DISK = sorted(name for name, entry in EDGE_FORMATS.items() if entry.target != "server")


def test_all_names_are_public_and_sorted() -> None:
    names = {name for name in vars(recdiff_adapters) if not name.startswith("_")}
    modules = {path.stem for path in PACKAGE.glob("*.py")}
    assert set(recdiff_adapters.__all__) == names - modules | {"write"}
    functions = {name for name in recdiff_adapters.__all__ if name.startswith("to_")}
    listed = {entry.write.__name__ for entry in (*EDGE_FORMATS.values(), *ACCOUNT_FORMATS.values())}
    assert functions - listed == {f"to_{name}" for name in ("dgl", "igraph", "networkx", "pandas", "polars", "pyg")}


def test_the_registries() -> None:
    assert list(EDGE_FORMATS) == [
        "arrow", "csv", "duckdb", "gexf", "graphml", "jsonl", "neo4j", "npz", "parquet", "postgres", "qrec",
        "recbole", "selfrec", "sqlite",
    ]  # fmt: skip
    assert set(EDGE_FORMATS) - set(RECOMMENDATION_FORMATS) == {"gexf", "graphml"}
    for name, entry in EDGE_FORMATS.items():
        assert entry.name == name
        assert entry.write.__name__ == f"to_{name}"
        assert entry.description
        assert entry.suffix.startswith(".") == (entry.target == "file")
    assert EDGE_FORMATS["csv"].options == ("escape_formulas",)


@pytest.mark.parametrize("name", ON_DISK)
def test_every_format_writes_edges_and_replaces_its_own(tmp_path: Path, name: str) -> None:
    entry = EDGE_FORMATS[name]
    if entry.extra:
        pytest.importorskip(entry.extra)
    out = tmp_path / f"out{entry.suffix}"
    for table in (samples.ring(["a", "b"]), samples.ring(["a", "b", "c"])):
        if out.exists() and name in UNPROVEN:
            with pytest.raises(OptionError, match="does not show that recdiff-sdk wrote it"):
                write(name, table, out)
        path = write(name, table, out, force=name in UNPROVEN)
        assert path is not None
        assert path.exists()
        assert out in (path, path.parent)
    assert [found.name for found in tmp_path.iterdir()] == [out.name]


@pytest.mark.parametrize("name", sorted(set(ON_DISK) & set(RECOMMENDATION_FORMATS)))
def test_every_format_writes_recommendations(tmp_path: Path, name: str) -> None:
    entry = RECOMMENDATION_FORMATS[name]
    if entry.extra:
        pytest.importorskip(entry.extra)
    path = write(name, samples.recommendations(), tmp_path / f"out{entry.suffix}")
    assert path is not None
    assert path.exists()


def test_options_are_passed_on_and_checked(tmp_path: Path) -> None:
    path = write("csv", samples.ring(["=1", "b"]), tmp_path / "e.csv", escape_formulas=True)
    assert path is not None
    assert "'=1" in path.read_text()
    with pytest.raises(OptionError, match="format csv has no option escape; its options: escape_formulas") as caught:
        write("csv", samples.edges(), tmp_path / "e.csv", escape=True)
    assert caught.value.exit_code == 2
    with pytest.raises(OptionError, match="format parquet has no option x; its options: none"):
        write("parquet", samples.edges(), tmp_path / "e", x=1)


def test_an_unknown_format_gets_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"format 'parkett' is not known; did you mean parquet\? \(one of arrow, csv"):
        write("parkett", samples.edges(), tmp_path / "x")
    with pytest.raises(OptionError, match="format gexf is for edges, not for recommendations"):
        write("gexf", samples.recommendations(), tmp_path / "x")


@pytest.mark.parametrize("name", ["dgl", "igraph", "networkx", "pandas", "polars", "pyg"])
def test_an_object_in_memory_names_its_function_and_a_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(OptionError, match=rf"recdiff_adapters\.to_{name}\(table\); on disk use the format (\w+)"):
        write(name, samples.edges(), tmp_path / "x")


@pytest.mark.parametrize(
    ("module", "extra", "name"),
    [
        ("networkx", "networkx", "networkx"), ("networkx", "networkx", "graphml"), ("networkx", "networkx", "gexf"),
        ("igraph", "igraph", "igraph"), ("pandas", "pandas", "pandas"), ("polars", "polars", "polars"),
        ("duckdb", "duckdb", "duckdb"), ("psycopg", "postgres", "postgres"), ("torch_geometric", "pyg", "pyg"),
    ],
)  # fmt: skip
def test_a_missing_library_names_the_install_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, module: str, extra: str, name: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    function = getattr(recdiff_adapters, f"to_{name}")
    arguments = [tmp_path / "out"] if name in EDGE_FORMATS else []
    with pytest.raises(MissingLibrary) as caught:
        function(samples.edges(), *arguments)
    assert str(caught.value) == (
        f"this format is written by {module}, which is not installed; run: pip install '.[{extra}]' in a checkout, "
        "or with the wheel's file in place of the dot"
    )
    assert caught.value.exit_code == 2
    assert list(tmp_path.iterdir()) == []
    if name in EDGE_FORMATS:
        assert EDGE_FORMATS[name].extra == extra


def test_a_library_whose_own_dependency_is_missing_is_called_broken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delitem(sys.modules, "networkx", raising=False)
    (tmp_path / "networkx.py").write_text("import no_such_module_here")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(AdapterError, match=r"networkx is installed but cannot be imported \(No module named 'no_such"):
        to_networkx(samples.edges())


def test_a_bad_table_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    for name in ON_DISK:
        with pytest.raises(AdapterError, match="missing: fake_score, keep"):
            EDGE_FORMATS[name].write(pa.table({"src": ["a"], "dst": ["b"]}), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_the_adapters_know_nothing_of_the_model() -> None:
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & {"recdiff", "recdiff_export", "recdiff_cli"}, path
