import os
import subprocess
import sys

import pytest

from myna.commands.load.meter import NoSuchProcess, machine_seconds, usage


def test_ones_own_use_is_seen() -> None:
    before = usage(os.getpid())
    until = before.seconds + 0.05
    while usage(os.getpid()).seconds < until:
        sum(range(10_000))
    assert before.resident > 1 << 20
    assert before.threads >= 1


def test_children_count() -> None:
    alone = usage(os.getpid()).resident
    program = "print(bytearray(1 << 24) and 'ready', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert usage(os.getpid()).resident > alone + usage(child.pid).resident / 2
        child.communicate(b"\n")


def test_a_process_that_is_not_there_is_named() -> None:
    with pytest.raises(NoSuchProcess, match="process 4194305"):
        usage(4_194_305)  # above the largest there can be


def test_the_machine_has_done_at_least_as_much_as_we() -> None:
    machine = machine_seconds()
    assert machine is not None
    assert machine >= usage(os.getpid()).seconds
