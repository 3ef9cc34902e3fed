"""What the benchmarks make their texts of, and how a process tells its own peak. Run none of it."""

WORDS = ("oil", "crisis", "embargo", "price", "revenue", "members", "tower", "report", "dollars", "barrel", "began", "ended")

PEAK = """
def peak():
    with open("/proc/self/status") as status:  # of this process alone; ru_maxrss begins at what the parent took
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
"""
"""Source of `peak()`, megabytes, for scripts that run in a process of their own."""
