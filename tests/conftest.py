"""What holds for all tests: a property is about what comes out, never about how long a busy machine took for it. And
tests may be coroutines; each runs on a loop of its own. What a failed test leaves open is no concern of the next one.
Where MYNA_COMPLETE=1 says that everything is installed, a test that is skipped for want of it has failed.
"""

import asyncio
import gc
import inspect
import os
import sys
import warnings
from collections.abc import Generator
from typing import TypeVar

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = pyfuncitem._fixtureinfo.argnames
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in wanted}))
    return True


# What whoever runs the tests has set up for other things: settings of a broker, widths and colours of a terminal, a
# proxy that cannot reach this machine's loopback.
for name in [one for one in os.environ if one.startswith("MYNA_") and "__" in one]:
    del os.environ[name]
for name in ("JWT_SECRET", "COLUMNS", "LINES", "FORCE_COLOR", "CLICOLOR_FORCE", "NO_COLOR"):
    os.environ.pop(name, None)
for name in ("PYTHONWARNINGS", "PYTHONASYNCIODEBUG", "PYTHONDEVMODE"):  # of the tests, not of what they start
    os.environ.pop(name, None)
for name in ("no_proxy", "NO_PROXY"):
    os.environ[name] = ",".join(filter(None, [os.environ.get(name), "localhost,127.0.0.1,::1"]))

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)
FAILED: pytest.StashKey[bool] = pytest.StashKey()


# What a complete machine may lack all the same: a checkout that a variable names, a registry of packages that does not
# answer, IPv6, and other things that nobody installs.
EXCUSES = ("MYNA_", "cannot be installed", "cannot be built", "IPv6", "root may write", "small pages")


def demand(report: Report) -> Report:
    """Where everything should be there, a skip without an excuse is a failure."""
    reason = report.longrepr[2] if report.skipped and isinstance(report.longrepr, tuple) else ""
    if reason and os.environ.get("MYNA_COMPLETE") == "1" and not any(excuse in reason for excuse in EXCUSES):
        report.outcome = "failed"
        report.longrepr = f"{reason}\nMYNA_COMPLETE=1 says that nothing is missing here."
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    return demand(report)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = demand((yield))
    if report.failed:
        item.stash[FAILED] = True
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A failure skips the lines that would have closed sockets, and its traceback holds them open until the next test:
    which would fail for them, warnings being errors. So they are let go of here, without a word.
    """
    result = yield
    if item.stash.get(FAILED, False):
        for name in ("last_type", "last_value", "last_traceback", "last_exc"):  # pytest keeps them for a debugger
            if hasattr(sys, name):
                delattr(sys, name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()
    return result
