"""What a command costs: run in turns with what it is compared with, the best of all rounds."""

import os
import subprocess
import sys
import tempfile
import time


def count_lines(output):
    return sum(1 for _ in output)


def measure(command, read=count_lines, environment=None):
    """(CPU seconds, wall seconds, what @read makes of the output)."""
    begin = time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output,
                                   env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit(f"{' '.join(command)}: exit status {process.returncode}")
        output.seek(0)
        result = read(output)
    return usage.ru_utime + usage.ru_stime, wall, result


def best_of(rounds, measures):
    """Calls the named functions in turns; the best of what measure() gave each."""
    best = {}
    for _ in range(rounds):
        for name, function in measures.items():
            cpu, wall, result = function()
            old = best.get(name, (cpu, wall, result))
            best[name] = (min(cpu, old[0]), min(wall, old[1]), result)
    return best


def compare(title, commands, rounds):
    """Runs the named commands in turns; prints each, and its ratio to the first."""
    best = best_of(rounds, {name: lambda c=command: measure(c)
                            for name, command in commands.items()})
    first = next(iter(best.values()))
    print(f"\n{title}\n{'':34} {'CPU s':>8} {'wall s':>8} {'CPU ×':>7} {'lines':>8}")
    for name, (cpu, wall, lines) in best.items():
        print(f"{name:34} {cpu:8.3f} {wall:8.3f} {cpu / first[0]:7.2f} {lines:8}")
