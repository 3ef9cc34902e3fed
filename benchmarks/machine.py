"""The machine that figures come from, in words that another reader can compare theirs with."""

import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

FLAGS = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_tile", "amx_bf16", "amx_int8", "asimd", "bf16", "sve")
"""Instruction sets that matrix products depend on."""


def describe() -> dict[str, Any]:
    """Processor, cores, instruction sets, memory, system and versions."""
    facts = _cpuinfo()
    flags = (facts.get("flags") or facts.get("Features") or "").split()
    return {
        "processor": facts.get("model name") or platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "instruction_sets": [name for name in FLAGS if name in flags],
        "memory_gb": _memory(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "transformers", "tokenizers", "numpy")},
    }


def sentence(machine: dict[str, Any]) -> str:
    """The machine in one line."""
    sets = ", ".join(machine["instruction_sets"]) or "no instruction sets known"
    return (
        f"{machine['processor']}, {machine['cores']} cores ({sets}), {machine['memory_gb']} GB; Python {machine['python']}, "
        f"torch {machine['torch']}, transformers {machine['transformers']}, tokenizers {machine['tokenizers']}"
    )


def say(text: str) -> None:
    """Progress, on standard error: standard output is for figures."""
    print(text, file=sys.stderr, flush=True)


def _cpuinfo() -> dict[str, str]:
    file = Path("/proc/cpuinfo")
    if not file.exists():
        return {}
    pairs = (line.partition(":") for line in file.read_text(encoding="utf-8").split("\n\n")[0].splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _memory() -> int | None:
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", {}):
        return None
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30)
