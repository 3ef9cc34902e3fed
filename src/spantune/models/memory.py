"""What the C library does with memory that is given back, while large tensors come and go.

In: a block of work. Out: the same work, without a page fault for each tensor.
Does not know: models, tensors.
"""

import contextlib
import ctypes
import sys
from collections.abc import Iterator

# Parameters of mallopt(3), and the values that glibc begins with.
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
AS_GLIBC_BEGINS = 128 * 1024
NEVER = 2**30  # blocks up to 1 GB come from the heap, and its top is not given back


@contextlib.contextmanager
def kept_memory() -> Iterator[None]:
    """Keep freed memory for the next tensor while a block of work runs, and give it back to the system at its end.

    glibc maps every block above 128 kB to 32 MB anew and clears it page by page; the activations of a training step are such
    blocks, hundreds of them a step. Does nothing where the C library is another one.
    """
    library = _glibc()
    if library is None:
        yield
        return
    library.mallopt(MMAP_THRESHOLD, NEVER)
    library.mallopt(TRIM_THRESHOLD, NEVER)
    try:
        yield
    finally:
        library.mallopt(MMAP_THRESHOLD, AS_GLIBC_BEGINS)
        library.mallopt(TRIM_THRESHOLD, AS_GLIBC_BEGINS)
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    with contextlib.suppress(OSError):
        library = ctypes.CDLL("libc.so.6")
        return library if hasattr(library, "gnu_get_libc_version") else None
    return None
