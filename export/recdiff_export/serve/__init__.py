"""A bundle behind HTTP.

Names load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recdiff.lazy import lazily

if TYPE_CHECKING:
    from recdiff_export.serve.app import create_app
    from recdiff_export.serve.options import ServeOptions
    from recdiff_export.serve.server import serve

__all__ = ["ServeOptions", "create_app", "serve"]

__getattr__ = lazily(__name__, {"ServeOptions": "options", "create_app": "app", "serve": "server"})
