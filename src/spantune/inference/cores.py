"""In: what the system and the user allow. Out: how many threads to compute with. Does not know: what computes."""

import math
import os
from pathlib import Path
from typing import Any

from spantune.errors import ConfigError

CORE_OF = Path("/sys/devices/system/cpu")
CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # "200000 100000": 2 processors' worth of time; "max 100000": all of it
SET_BY_USER = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


def usual_threads(quota: Path = CPU_QUOTA) -> int:
    """As many as the user has set, else the physical cores that this process may use, or its container's share of the time."""
    for name in SET_BY_USER:
        if os.environ.get(name, "").isdecimal() and int(os.environ[name]):
            return int(os.environ[name])
    return min(physical_cores(), quota_of(quota) or physical_cores())


def check_threads(wanted: Any) -> None:
    """Raise `ConfigError` for what is no number of threads."""
    if type(wanted) is not int or wanted < 1:
        raise ConfigError(f"threads = {wanted!r}", expected="a whole number from 1 on", next_move="leave it away, or name one")


def quota_of(file: Path) -> int | None:
    """The processors that a control group may use, rounded up; `None` where nothing limits it, or there is no such file."""
    try:
        quota, period = file.read_text(encoding="ascii").split()
        return math.ceil(int(quota) / int(period))
    except (OSError, ValueError):
        return None


def physical_cores(allowed: frozenset[int] | None = None, folder: Path = CORE_OF) -> int:
    """The physical cores among the processors `allowed`, by default those that this process may use; at least 1.

    Two hyper-threads of one core share its arithmetic, so more threads than cores are no faster. Where the system does not
    tell which processors share a core, each counts as one.

    >>> physical_cores(frozenset({0, 1, 2}), Path("no-such-folder"))
    3
    """
    if allowed is None:
        own = hasattr(os, "sched_getaffinity")
        allowed = frozenset(os.sched_getaffinity(0)) if own else frozenset(range(os.cpu_count() or 1))
    cores = set()
    for processor in allowed:
        try:
            cores.add((folder / f"cpu{processor}" / "topology" / "thread_siblings_list").read_text(encoding="ascii"))
        except OSError:
            cores.add(str(processor))
    return max(1, len(cores))
