"""What a process and its children have used: processor time and memory, as the kernel counts them in /proc.

Linux only; elsewhere, or without a process to look at, nothing is measured. Processor time counts all threads, also
those that have ended; a child that ends between two readings takes its time with it, brokers' workers do not.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICK: Final = 1 / os.sysconf("SC_CLK_TCK")


class NoSuchProcess(Exception):
    """Says which process could not be read."""


@dataclass(frozen=True)
class Usage:
    seconds: float
    resident: int  # bytes
    threads: int


def usage(pid: int) -> Usage:
    """Of the process and all its children."""
    seconds, resident, threads = 0.0, 0, 0
    for member in _family(pid):
        try:
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
            status = Path(f"/proc/{member}/status").read_text()
        except OSError:
            if member == pid:
                raise NoSuchProcess(f"process {pid} cannot be read from /proc: has it ended?") from None
            continue
        seconds += (int(fields[11]) + int(fields[12])) * _TICK  # utime and stime, proc(5) fields 14 and 15
        threads += int(fields[17])
        resident += _resident(status)
    return Usage(seconds, resident, threads)


def machine_seconds() -> float | None:
    """Processor time everything on this machine has used; None where the kernel does not say."""
    try:
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    except OSError:
        return None
    user, nice, system, _idle, _waiting, interrupts, soft_interrupts = (int(field) for field in fields[1:8])
    return (user + nice + system + interrupts + soft_interrupts) * _TICK


def _resident(status: str) -> int:
    for line in status.splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def _family(pid: int) -> list[int]:
    found = [pid]
    for member in found:  # grows while it is walked
        for children in Path(f"/proc/{member}/task").glob("*/children"):
            try:
                found.extend(int(child) for child in children.read_text().split())
            except OSError:
                continue
    return found
