"""Load a format's own library when it is needed, and say what to install when it is not there."""

from __future__ import annotations

import importlib
from typing import Any

from recdiff_adapters.error import AdapterError, MissingLibrary


def load_library(module: str, extra: str, note: str = "") -> Any:
    """Import a module by name.

    Raises MissingLibrary with the install line, or with ``note`` where there is one, when the module is
    absent, and AdapterError when it is there but broken.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and module.split(".")[0] == error.name.split(".")[0]:
            # What recdiff.extras says, in this package that imports nothing of the others.
            remedy = (
                note or f"run: pip install '.[{extra}]' in a checkout, or with the wheel's file in place of the dot"
            )
            raise MissingLibrary(module, remedy) from error
        raise _broken(module, error, note) from error
    except (ImportError, OSError) as error:
        raise _broken(module, error, note) from error


def _broken(module: str, error: Exception, note: str) -> AdapterError:
    return AdapterError(f"{module} is installed but cannot be imported ({error}); {note or 'reinstall it'}")
