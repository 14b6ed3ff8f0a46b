"""Peak memory of this process, where the system tells it."""

from __future__ import annotations

from pathlib import Path

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
# Written to clear_refs, it sets the peak back to what is resident now (proc(5)).
_RESET_PEAK = "5"


def reset_peak() -> int | None:
    """Start measuring; return the bytes resident now, None where the system does not tell."""
    try:
        _CLEAR.write_text(_RESET_PEAK)
    except OSError:
        return None
    return _field("VmRSS")


def peak() -> int | None:
    """Return the most bytes that were resident since ``reset_peak``, None where the system does not tell."""
    return _field("VmHWM")


def _field(name: str) -> int | None:
    try:
        text = _STATUS.read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return None
