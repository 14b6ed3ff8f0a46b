"""How the parts that only some commands need are installed."""

from __future__ import annotations


def install_with(extra: str = "") -> str:
    """Return the words to tell somebody who lacks what the extra ``extra`` brings, or the package without any.

    The package lies on no index, so that its name alone installs nothing.
    """
    target = f"'.[{extra}]'" if extra else "."
    return f"pip install {target} in a checkout, or with the wheel's file in place of the dot"
