"""Words for a verdict."""

from __future__ import annotations

FAKE, REAL, UNSURE = ("fake", "bad"), ("real", "good"), ("unsure",)
BLANK = ("", *UNSURE)
"""What stands where nothing was found out."""


def is_fake_of(text: str) -> bool | None:
    """Return what a word says, or None where it is neither."""
    word = text.strip().lower()
    return True if word in FAKE else False if word in REAL else None
