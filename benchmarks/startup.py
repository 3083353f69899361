"""How long ``gamma-flow --help`` takes against a bare ``import numpy, click``, as whole processes in turn."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time


def run(arguments: list[str]) -> float:
    """Run a process to its end and return its wall time in milliseconds."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return (time.perf_counter() - start) * 1e3


def main() -> None:
    """Time both in turn and print medians and their ratio."""
    ways = {
        "python -c 'import numpy, click'": ["-c", "import numpy, click"],
        "gamma-flow --help": ["-m", "gamma_flow", "--help"],
        "python -c 'import gamma_flow'": ["-c", "import gamma_flow"],
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(21):
        for name, arguments in ways.items():
            times[name].append(run(arguments))
    base = statistics.median(times["python -c 'import numpy, click'"])
    for name, taken in times.items():
        middle = statistics.median(taken)
        print(f"  {name:34s} {middle:7.1f} ms   ratio {middle / base:.2f}")


if __name__ == "__main__":
    main()
