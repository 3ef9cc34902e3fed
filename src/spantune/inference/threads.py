"""How many threads PyTorch computes with."""

import os

import torch

from spantune.inference.cores import CPU_QUOTA, SET_BY_USER, check_threads, quota_of


def fit_threads(wanted: int | None = None) -> int:
    """Lower PyTorch's number of threads to the processors that this process may use; gives the number.

    PyTorch takes one thread for each physical core of the machine, or what the user has set, which stays as it is. Neither the
    affinity of the process nor a container's share of the processor's time is looked at, and threads that wait for a
    processor slow all of them down. Where so many are `wanted`, it is those. Raises `ConfigError` for what is no such number.
    """
    if wanted is not None:
        check_threads(wanted)
        torch.set_num_threads(wanted)
        return wanted
    now = torch.get_num_threads()
    if any(name in os.environ for name in SET_BY_USER):
        return now
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else now
    fitting = max(1, min(now, allowed, quota_of(CPU_QUOTA) or now))
    if fitting < now:
        torch.set_num_threads(fitting)
    return fitting
