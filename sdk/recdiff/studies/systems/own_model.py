"""A model of somebody's own: a class that studies compare with the systems built in.

    class MyModel:
        space = {"weight": (0.1, 1.0)}    # optional: settings to try, each a keyword of __init__
        seeded = True                     # optional: False where another seed gives the same result

        def __init__(self, weight=1.0): ...
        def fit(self, task): ...          # task: recdiff.baselines.task.Task, a copy of its own for every fit
        def scores(self, users): ...      # positions of users (B,) -> their scores of all items, (B, I)

A larger score is recommended sooner. -inf keeps an item out of the list; NaN and +inf are refused.
"""

from __future__ import annotations

import importlib
import json
import sys
import sysconfig
import traceback
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from recdiff.data.problems import did_you_mean, shorten
from recdiff.errors import UsageError
from recdiff.studies.systems.code import PROJECT, Home, code_of, sources

METHODS = {"fit": "fit(self, task)", "scores": "scores(self, users)"}
PAGE = "docs/own-model.md"
# Code of a module when it was imported: a notebook may change it and run a study again.
_imported: dict[str, str] = {}
# Modules that are no part of a package installed, and what they import from beside them: nothing else is imported anew.
_beside: set[str] = set()


@dataclass(frozen=True)
class OwnModel:
    """A class that was found.

    Attributes:
        path: as given, package.module:Class.
        made: the class.
        space: setting -> values to try.
        seeded: whether another seed gives another result.
        code: hash of its module and of what that imports of the project or of the modules beside it.
    """

    path: str
    made: type
    space: Mapping[str, Sequence[Any]]
    seeded: bool
    code: str


def is_own(name: str) -> bool:
    """Tell a class path from the name of a system built in."""
    return ":" in name


def own_model(path: str) -> OwnModel:
    """Import the class at ``path``, from the current folder or from what is installed.

    Raises:
        UsageError: there is no such module or class, importing fails, or the class lacks what the protocol asks for.
    """
    module, _, name = path.partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), name)):
        raise UsageError(f"--model {path}: expected package.module:Class, e.g. mymodel:MyModel")
    home = _home(path, module)
    code = code_of([module], home)
    found = getattr(_module(path, module, home, code), name, None)
    if not isinstance(found, type):
        classes = [each for each, value in vars(sys.modules[module]).items() if isinstance(value, type)]
        what = "has no class" if found is None else "has something else than a class called"
        raise UsageError(f"--model {path}: module {module} {what} {name!r}{did_you_mean(name, classes)}")
    for method, form in METHODS.items():
        if not callable(getattr(found, method, None)):
            raise UsageError(
                f"--model {path}: class {name} has no method {method}; a model has "
                f"{' and '.join(METHODS.values())}, see {PAGE}; write {form}"
            )
    seeded = getattr(found, "seeded", True)
    if not isinstance(seeded, bool):
        raise UsageError(f"--model {path}: {name}.seeded is {shorten(seeded)}; accepted: True, False")
    return OwnModel(path, found, _space(path, found), seeded, code)


def told(path: str, error: BaseException, what: str) -> UsageError:
    """Return ``error``, raised by somebody's code in ``what``, as one that names model, file and line."""
    frames = traceback.extract_tb(error.__traceback__)
    home = str(Path.cwd())
    own = [each for each in frames if each.filename.startswith(home) and "site-packages" not in each.filename]
    own = own or frames[-1:]
    place = f" ({Path(own[-1].filename).name}, line {own[-1].lineno}: {own[-1].line})" if own else ""
    return UsageError(f"--model {path}: {what} raised {type(error).__name__}: {error}{place}")


def _home(path: str, module: str) -> Home:
    """Return where the module's source lies, with the current folder first among the places to look in."""
    here = str(Path.cwd())
    if sys.path[:1] != [here]:
        sys.path[:] = [here, *(each for each in sys.path if each != here)]
    top = module.partition(".")[0]
    if top == PROJECT.package:
        home: Home | None = PROJECT
    else:
        importlib.invalidate_caches()
        home = _found(top)
    if home is None or home.file(module) is None:
        raise UsageError(
            f"--model {path}: there is no Python source of module {module!r} in {here} or among the installed packages"
        )
    return home


def _found(top: str) -> Home | None:
    # What is installed from a checkout is found by finders of its own; what runs as a script, by none.
    spec = PathFinder.find_spec(top) or (None if top == "__main__" else find_spec(top))
    if spec is None:
        return None
    if spec.submodule_search_locations:
        folder = Path(next(iter(spec.submodule_search_locations))).parent
    elif spec.origin is not None and spec.has_location:
        folder = Path(spec.origin).parent
    else:
        return None
    folder = folder.resolve()
    shared = {"site-packages", "dist-packages"} & set(folder.parts) or folder == Path(sysconfig.get_path("stdlib"))
    return Home(folder, top if shared else None)


def _module(path: str, module: str, home: Home, code: str) -> Any:
    """Import ``module``, anew where its source is another than it was."""
    loaded = sys.modules.get(module)
    elsewhere = loaded is not None and Path(getattr(loaded, "__file__", None) or "").resolve() != home.file(module)
    if elsewhere and module not in _beside:
        raise UsageError(
            f"--model {path}: a module {module!r} is in use already, from "
            f"{getattr(loaded, '__file__', None) or 'Python itself'}; give {home.file(module)} another name"
        )
    if elsewhere or _imported.get(module, code) != code:
        if home.package is not None:
            raise UsageError(f"--model {path}: package {home.package} changed after it was imported; start anew")
        for name in _beside & set(sources([module], home)):
            sys.modules.pop(name, None)
    # Noted first: an import that fails leaves behind what it imported before.
    _imported[module] = code
    if home.package is None:
        _beside.update(name for name in sources([module], home) if PROJECT.file(name) is None)
    try:
        with redirect_stdout(sys.stderr):
            return importlib.import_module(module)
    except Exception as error:
        raise told(path, error, f"importing {module}") from error


def _space(path: str, found: type) -> Mapping[str, Sequence[Any]]:
    space = getattr(found, "space", {})
    try:
        json.dumps(space, allow_nan=False)
        good = isinstance(space, Mapping) and all(
            isinstance(name, str) and isinstance(values, list | tuple) and values for name, values in space.items()
        )
    except (TypeError, ValueError):
        good = False
    if not good:
        raise UsageError(
            f"--model {path}: {found.__name__}.space is {shorten(space)}; expected names of settings with the plain "
            'values to try, e.g. {"weight": (0.1, 1.0)}'
        )
    return dict(space)
