"""Score edges from files, part by part.

Names load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recdiff.lazy import lazily

if TYPE_CHECKING:
    from recdiff_export.stream.local import clean_stream
    from recdiff_export.stream.scored_file import score_file

__all__ = ["clean_stream", "score_file"]

__getattr__ = lazily(__name__, {"clean_stream": "local", "score_file": "scored_file"})
