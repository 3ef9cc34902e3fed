"""How the work for an input grows with its size: a ratio, which a slow machine has too, where a limit in seconds fails."""

import time

TIMES = 4  # work that grows with the size takes four times as long; with its square, sixteen times
LINEAR = 10


def growth(work, size):
    """How many times as long `work(TIMES * size)` takes as `work(size)`: the best of three runs each, in CPU time.

    Each run has a size of its own, so that no run finds in a cache what another one left.
    """
    return _least(work, TIMES * size) / max(_least(work, size), 0.002)


def _least(work, size):
    spent = []
    for more in range(3):
        before = time.process_time()
        work(size + more)
        spent.append(time.process_time() - before)
    return min(spent)
