"""How many processor cores a computation may use."""

from __future__ import annotations

import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup/cpu.max")
"""What a container may spend, as "quota period" in microseconds or "max period" (Linux, cgroup v2)."""


def cores() -> int:
    """Return the number of cores this process may use, at least 1.

    The least of: the cores it is bound to, the processor time its container is granted, and OMP_NUM_THREADS, by which
    a user leaves the other cores to something else.
    """
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(bound, _granted(bound), int(asked) if asked.isdecimal() and int(asked) else bound))


def _granted(bound: int) -> int:
    """Return the whole cores the container's quota pays for, rounded up; ``bound`` where there is none."""
    try:
        quota, period = CGROUP.read_text(encoding="ascii").split()
        return -(-int(quota) // int(period))
    except (OSError, ValueError):
        return bound
