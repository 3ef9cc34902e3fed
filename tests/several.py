"""A training in several processes of one machine, over gloo, as torchrun starts them: each has its rank in its environment.

Children are forked from a server that has imported everything, and has not yet computed: each takes a second, not ten.
"""

import contextlib
import multiprocessing
import os
import queue
import signal
import socket
import time
import traceback

SERVER = multiprocessing.get_context("forkserver")
LOADED = (
    "spantune.road.training",
    "spantune.training.fine_tuning",
    "spantune.features",
    "transformers.models.bert.modeling_bert",
)
SERVER.set_forkserver_preload([*LOADED, "hypothesis", "pytest"])

PATIENCE = 120  # seconds


def _work(rank, count, port, action, arguments, results):
    os.setpgid(0, 0)
    here = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count, "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in here.items()}, MASTER_ADDR="127.0.0.1", OMP_NUM_THREADS="1")
    import torch

    torch.set_num_threads(1)
    try:
        results.put((rank, action(*arguments), None))
    except BaseException as error:
        results.put((rank, None, error if isinstance(error, Exception) else RuntimeError(traceback.format_exc())))


def start(count, action, *arguments):
    """Start the processes; give them and the queue of what they return."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    results = SERVER.Queue()
    children = [SERVER.Process(target=_work, args=(rank, count, port, action, arguments, results)) for rank in range(count)]
    for child in children:
        child.start()
    return children, results


def finish(children, results, expected=None):
    """What each process gave, and what it raised, by rank; both `None` for one that was killed."""
    found, until = {}, time.monotonic() + PATIENCE
    while len(found) < (len(children) if expected is None else expected) and time.monotonic() < until:
        with contextlib.suppress(queue.Empty):
            rank, value, error = results.get(timeout=1)
            found[rank] = (value, error)
    for child in children:
        child.join(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    return [found.get(rank, (None, None)) for rank in range(len(children))]


def run(count, action, *arguments):
    """What each of so many processes gives; the first error, if any, is raised here."""
    outcome = finish(*start(count, action, *arguments))
    for _, error in outcome:
        if error is not None:
            raise error
    return [value for value, _ in outcome]
