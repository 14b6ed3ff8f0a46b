"""Words for a verdict."""

from __future__ import annotations

from recdiff.data.labels import FAKE, REAL

UNSURE = ("unsure",)
BLANK = ("", *UNSURE)
"""What stands where nothing was found out."""


def is_fake_of(text: str) -> bool | None:
    """Return what a word says, or None where it is neither."""
    word = text.strip().lower()
    return True if word in FAKE else False if word in REAL else None


def word_of(text: str) -> str:
    """Return the word that a verdict is kept as: fake, real, or what was said instead."""
    fake = is_fake_of(text)
    return text.strip().lower() if fake is None else "fake" if fake else "real"
