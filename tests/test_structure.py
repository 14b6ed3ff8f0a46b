"""The house holds: imports go down, nothing happens at import, nothing is unpickled, public names are sorted."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {"recdiff": "sdk", "recdiff_export": "export", "recdiff_adapters": "adapters", "recdiff_cli": "cli"}
ALLOWED = {
    "recdiff": set(),
    "recdiff_adapters": set(),
    "recdiff_export": {"recdiff"},
    "recdiff_cli": {"recdiff", "recdiff_export", "recdiff_adapters"},
}
# A module imports its own room or a lower floor. The longest name that a module's name begins with counts.
FLOORS = {
    "recdiff": 20,
    "recdiff.estimator": 9,
    "recdiff.tuning": 9,
    "recdiff.studies": 11,
    "recdiff.studies.lab": 10,
    "recdiff.studies.page": 9,
    "recdiff.studies.systems": 9,
    "recdiff.studies.lab.cell": 8,
    "recdiff.fit": 8,
    "recdiff.tracking": 8,
    "recdiff.review": 8,
    "recdiff.given": 8,
    "recdiff.parameters": 8,
    "recdiff.settings": 7,
    "recdiff.ranked": 7,
    "recdiff.evaluation": 7,
    "recdiff.evaluation.heuristics": 5,
    "recdiff.audit": 7,
    "recdiff.update": 7,
    "recdiff.model": 6,
    "recdiff.baselines": 6,
    "recdiff.scorer": 5,
    "recdiff.recommender": 5,
    "recdiff.blend": 5,
    "recdiff.sample": 5,
    "recdiff.paper": 4,
    "recdiff.fakes": 4,
    "recdiff.cleaning": 4,
    "recdiff.accounts": 4,
    "recdiff.data": 3,
    "recdiff.metrics": 3,
    "recdiff.groups": 3,
    "recdiff.graph": 2,
    "recdiff.diffusion": 2,
    "recdiff.storage": 2,
    "recdiff.config": 2,
    "recdiff.machine": 1,
    "recdiff.result": 1,
    "recdiff.learning": 3,
    "recdiff.arrays": 0,
    "recdiff.notebook": 0,
    "recdiff.errors": 0,
    "recdiff.extras": 0,
    "recdiff.lazy": 0,
    "recdiff.version": 0,
    "recdiff_export": 8,
    "recdiff_export.targets": 7,
    "recdiff_export.review": 7,
    "recdiff_export.serve": 6,
    "recdiff_export.stream": 6,
    "recdiff_export.bundle": 5,
    "recdiff_export.bundle.graphs": 4,
    "recdiff_export.bundle.graphs.term_plan": 1,
    "recdiff_export.bundle.names": 1,
    "recdiff_export.bundle.reading": 3,
    "recdiff_export.bundle.manifest": 2,
    "recdiff_export.bundle.held": 1,
    "recdiff_export.bundle.parts": 3,
    "recdiff_export.runtime": 4,
}
# The runtime's own method that hands itself to what streams through it.
UPWARD = {("recdiff_export.runtime.scorer", "recdiff_export.stream.scored_file")}
# What imports the module that a text names, now or later.
LATER = ("import_module", "run_of")
MOST_MODULES = 16
MOST_BY_PLACE = 5
# Takes any number of matrices, all alike.
ALIKE = {"_total"}
LONGEST_MODULE, LONGEST_FUNCTION = 350, 60
# The one place that unpickles, through an allow-list of array constructors.
UNPICKLER = Path("sdk/recdiff/data/published_pickle.py")
LIGHT = ("recdiff.data", "recdiff.config", "recdiff.fakes", "recdiff.cleaning", "recdiff.metrics")


def modules(package: str, root: Path = ROOT) -> dict[str, Path]:
    """Return the modules of ``package`` by dotted name."""
    home = root / FOLDERS[package]
    return {
        ".".join(file.relative_to(home).with_suffix("").parts).removesuffix(".__init__"): file
        for file in sorted((home / package).rglob("*.py"))
    }


def imported(file: Path) -> set[str]:
    """Return what ``file`` imports, wherever it does: names of modules, and of what is taken out of them."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    names: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(LATER) and node.args:
            names |= {
                match for match in re.findall(r"[\w.]+", ast.unparse(node.args[0])) if match.startswith("recdiff")
            }
    return names


def graph(package: str, root: Path = ROOT) -> dict[str, set[str]]:
    """Return which modules of ``package`` each one imports; a room that only holds others does not count."""
    known = modules(package, root)
    found = {name: {other.rstrip(".") for other in imported(file)} for name, file in known.items()}
    rooms = {name for name, file in known.items() if file.name == "__init__.py" and name != "recdiff.config"}
    return {name: (others & set(known)) - rooms - {name} for name, others in found.items()}


def floor(name: str) -> int:
    """Return the floor that the module ``name`` lies on."""
    return FLOORS[max((room for room in FLOORS if f"{name}.".startswith(f"{room}.")), key=len)]


def room(name: str) -> str:
    """Return the entry of ``FLOORS`` that the module ``name`` lies in."""
    return max((room for room in FLOORS if f"{name}.".startswith(f"{room}.")), key=len)


def climbs(package: str, root: Path = ROOT) -> list[str]:
    """Return the imports that neither stay in their room nor go down."""
    return [
        f"{name} (floor {floor(name)}) imports {other} (floor {floor(other)})"
        for name, others in graph(package, root).items()
        for other in sorted(others)
        if room(name) != room(other) and floor(other) >= floor(name) and (name, other) not in UPWARD
    ]


def circles(package: str, root: Path = ROOT) -> list[str]:
    """Return the import circles among the modules of ``package``."""
    arrows, done, found = graph(package, root), set[str](), list[str]()

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            found.append(" -> ".join((*path[path.index(name) :], name)))
        if name in path or name in done:
            return
        for other in sorted(arrows[name]):
            visit(other, (*path, name))
        done.add(name)

    for name in arrows:
        visit(name, ())
    return found


@pytest.mark.parametrize("package", FOLDERS)
def test_packages_import_only_upstream(package: str) -> None:
    for name, file in modules(package).items():
        ours = {other.split(".")[0] for other in imported(file)} & set(FOLDERS)
        assert ours <= ALLOWED[package] | {package}, f"{name} imports {ours - ALLOWED[package] - {package}}"


@pytest.mark.parametrize("package", ["recdiff", "recdiff_export"])
def test_imports_go_down_and_never_in_circles(package: str) -> None:
    assert climbs(package) == []
    assert circles(package) == []


@pytest.mark.parametrize(
    ("file", "line", "fault"),
    [
        ("sdk/recdiff/studies/lab/cell.py", "from recdiff.studies.lab import runner", circles),
        ("sdk/recdiff/graph/pairs.py", "from recdiff.scorer import fit", climbs),
        ("sdk/recdiff/data/ids.py", "def later() -> None:\n    from recdiff.data import dataset", circles),
        ("sdk/recdiff/config/scorer.py", "from recdiff.fit import fit_all", climbs),
        ("sdk/recdiff/metrics/edges.py", 'import_module("recdiff.model.fitted")', climbs),
    ],
)
def test_a_circle_or_a_climb_is_found_wherever_it_is_put(tmp_path: Path, file: str, line: str, fault: object) -> None:
    for path in modules("recdiff").values():
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    assert not fault("recdiff", tmp_path)  # type: ignore[operator]
    spoiled = tmp_path / file
    spoiled.write_text(f"{spoiled.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")
    assert fault("recdiff", tmp_path)  # type: ignore[operator]


@pytest.mark.parametrize("package", FOLDERS)
def test_no_folder_holds_too_many_modules(package: str) -> None:
    folders: dict[Path, int] = {}
    for file in modules(package).values():
        folders[file.parent] = folders.get(file.parent, 0) + (file.name != "__init__.py")
    crowded = {str(folder.relative_to(ROOT)): count for folder, count in folders.items() if count > MOST_MODULES}
    # A downstream format a file: that folder grows with the formats.
    assert set(crowded) <= {"adapters/recdiff_adapters"}


@pytest.mark.parametrize("package", FOLDERS)
def test_no_call_passes_more_than_five_arguments_by_place(package: str) -> None:
    for name, file in modules(package).items():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and len(node.args) > MOST_BY_PLACE and ast.unparse(node.func) not in ALIKE:
                pytest.fail(
                    f"{name}:{node.lineno} passes {len(node.args)} arguments to {ast.unparse(node.func)} by place"
                )


@pytest.mark.parametrize("package", FOLDERS)
def test_no_function_takes_more_than_five_arguments_by_place(package: str) -> None:
    for name, file in modules(package).items():
        assert [f"{name}.{each}" for each in crowded(file.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("def one(a, b, c, d, e, f): ...", ["one"]),
        ("async def one(a, b, c, /, d, e, f=0): ...", ["one"]),
        ("class One:\n    def two(self, a, b, c, d, e, f): ...", ["two"]),
        ("one = lambda a, b, c, d, e, f: 0", ["lambda"]),
        ("class One:\n    def two(self, a, b, c, d, e): ...", []),
        ("class One:\n    @classmethod\n    def two(cls, a, b, c, d, e, *, f): ...", []),
        ("def one(a, b, c, d, e, *more): ...", []),
    ],
)
def test_a_function_that_takes_too_much_by_place_is_found(line: str, named: list[str]) -> None:
    assert crowded(line) == named


def crowded(text: str) -> list[str]:
    """Return the functions defined in ``text`` that take more than ``MOST_BY_PLACE`` arguments by place."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            names = [each.arg for each in (*node.args.posonlyargs, *node.args.args)]
            if len(names) - (names[:1] in (["self"], ["cls"])) > MOST_BY_PLACE:
                found.append(getattr(node, "name", "lambda"))
    return found


@pytest.mark.parametrize("package", FOLDERS)
def test_no_seed_is_another_one_with_a_number_added(package: str) -> None:
    for name, file in modules(package).items():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            adds = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub)
            if adds and (is_seed(node.left) or is_seed(node.right)):
                pytest.fail(f"{name}:{node.lineno} computes a seed, {ast.unparse(node)}; see machine/seeds.py")


def is_seed(node: ast.expr) -> bool:
    """Say whether ``node`` is a variable or a field called a seed."""
    word = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return word.lower().removeprefix("_") in ("seed", "split_seed", "spectral_seed")


@pytest.mark.parametrize("package", FOLDERS)
def test_modules_and_functions_are_short(package: str) -> None:
    for name, file in modules(package).items():
        text = file.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= LONGEST_MODULE, f"{name} is too long"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                assert lines <= LONGEST_FUNCTION, f"{name}.{node.name} has {lines} lines"


@pytest.mark.parametrize("package", FOLDERS)
def test_nothing_is_unpickled(package: str) -> None:
    for file in modules(package).values():
        if file.relative_to(ROOT) == UNPICKLER:
            continue
        text = file.read_text(encoding="utf-8")
        assert not imported(file) & {"pickle", "joblib", "dill", "shelve"}, f"{file} imports a pickle library"
        assert "torch.load(" not in text, f"{file} calls torch.load"
        assert "allow_pickle=True" not in text, f"{file} allows pickles"


def test_the_runtime_imports_neither_torch_nor_scikit_learn() -> None:
    code = "import recdiff_export; recdiff_export.OnnxScorer"
    assert heavy(code, "torch", "sklearn", "scipy", "onnx") == "[]"


def test_rooms_below_the_models_do_without_torch() -> None:
    light = [name for name in modules("recdiff") if name.startswith(LIGHT)] + ["recdiff.graph.adjacency"]
    assert heavy(f"import {', '.join(light)}", "torch") == "[]"


def test_importing_the_package_is_light() -> None:
    assert heavy("import recdiff", "torch", "sklearn", "pyarrow") == "[]"


def test_importing_the_command_line_is_light() -> None:
    assert heavy("import recdiff_cli.main", "torch", "sklearn", "pyarrow", "numpy") == "[]"


@pytest.mark.parametrize("package", ["recdiff", "recdiff_export", "recdiff_adapters"])
def test_public_names_are_sorted_and_there(package: str) -> None:
    run(f"import {package} as p; assert list(p.__all__) == sorted(p.__all__); [getattr(p, n) for n in p.__all__]")


def heavy(code: str, *names: str) -> str:
    """Run ``code`` and return which of the modules ``names`` it loaded."""
    return run(f"import sys; {code}; print([name for name in {names!r} if name in sys.modules])")


def run(code: str) -> str:
    path = ":".join(str(ROOT / folder) for folder in FOLDERS.values())
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": path}, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
