"""What the system does with memory: that of large tensors which come and go, and that of weights which wait in their file.

In: a block of work, or tensors. Out: the same, with fewer page faults, or with less memory taken.
Does not know: models.
"""

import contextlib
import ctypes
import mmap
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

# Parameters of mallopt(3), and the values that glibc begins with.
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
MOST_MAPPED, MOST_KEPT = 32 * 2**20, 64 * 2**20  # what glibc itself raises the two to, as large blocks come and go
PAGE, PAGE_OUT = mmap.PAGESIZE, 21  # madvise(2)
MEMORY, GROUP = Path("/proc/meminfo"), Path("/sys/fs/cgroup")
NEVER = 2**30  # blocks up to 1 GB come from the heap, and its top is not given back

_LOCK = threading.Lock()
_AT_WORK: list[Any] = []


@contextlib.contextmanager
def kept_memory() -> Iterator[None]:
    """Keep freed memory for the next tensor while a block of work runs, and give it back to the system at its end.

    glibc maps every block above 128 kB to 32 MB anew and clears it page by page; the activations of a training step are such
    blocks, hundreds of them a step. Of blocks of work inside one another or side by side, the last to end gives it back. The
    thresholds stay where glibc's own adjustment, which setting them switches off, would have brought them. Does nothing where
    the C library is another one.
    """
    library = _glibc()
    if library is None:
        yield
        return
    with _LOCK:
        _AT_WORK.append(library)
        library.mallopt(MMAP_THRESHOLD, NEVER)
        library.mallopt(TRIM_THRESHOLD, NEVER)
    try:
        yield
    finally:
        with _LOCK:
            _AT_WORK.pop()
            if not _AT_WORK:
                library.mallopt(MMAP_THRESHOLD, MOST_MAPPED)
                library.mallopt(TRIM_THRESHOLD, MOST_KEPT)
                library.malloc_trim(0)


def let_wait(tensors: Iterable[Any]) -> None:
    """Have the pages of tensors on the CPU leave memory until they are next read.

    For weights that Safetensors left in their file: they are read from there again, page by page, and nothing is lost. Does
    nothing where the system is not Linux 5.4 or newer.
    """
    library = _glibc()
    if library is None:
        return
    for one in tensors:
        begin = -(-one.data_ptr() // PAGE) * PAGE
        length = (one.data_ptr() + one.nbytes - begin) // PAGE * PAGE
        if length > 0 and one.device.type == "cpu":
            library.madvise(ctypes.c_void_p(begin), ctypes.c_size_t(length), PAGE_OUT)


def free_memory(device: Any = None) -> int | None:
    """The bytes that this process may still take, of a GPU or of the machine and its container; `None` where nothing tells."""
    if device is not None and device.type == "cuda":
        import torch

        return int(torch.cuda.mem_get_info(device)[0])
    found = [value for value in (_available(), _left_to_the_container()) if value is not None]
    return min(found, default=None)


def _available() -> int | None:
    with contextlib.suppress(OSError, ValueError):
        for line in MEMORY.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None


def _left_to_the_container() -> int | None:
    """What the limit of the control group leaves, with what its file cache can give back."""
    with contextlib.suppress(OSError, ValueError):
        most = int((GROUP / "memory.max").read_text(encoding="ascii"))
        taken = int((GROUP / "memory.current").read_text(encoding="ascii"))
        rows = (line.split() for line in (GROUP / "memory.stat").read_text(encoding="ascii").splitlines())
        return max(0, most - taken + next((int(value) for name, value in rows if name == "inactive_file"), 0))
    return None


def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    with contextlib.suppress(OSError):
        library = ctypes.CDLL("libc.so.6")
        return library if hasattr(library, "gnu_get_libc_version") else None
    return None
