import select
import time

import pytest

from myna.sockets.alarm import Alarm

PATIENCE = 10.0  # seconds that something may take on a busy machine


@pytest.fixture
def alarm() -> Alarm:
    alarm = Alarm()
    if alarm.fileno < 0:
        pytest.skip("no timerfd here")
    return alarm


def has_gone_off(alarm: Alarm, within: float) -> bool:
    return bool(select.select([alarm.fileno], [], [], within)[0])


def test_an_alarm_goes_off_at_its_time_and_once(alarm: Alarm) -> None:
    started = time.monotonic()
    assert alarm.set(0.05)
    assert has_gone_off(alarm, PATIENCE)
    assert time.monotonic() - started >= 0.05
    alarm.silence()
    assert not has_gone_off(alarm, 0.0)
    alarm.close()


def test_an_alarm_for_now_goes_off_at_once(alarm: Alarm) -> None:
    assert alarm.set(0.0)
    assert has_gone_off(alarm, PATIENCE)
    alarm.close()


def test_an_alarm_that_is_set_anew_forgets_the_old_time(alarm: Alarm) -> None:
    assert alarm.set(0.0)
    assert has_gone_off(alarm, PATIENCE)
    assert alarm.set(3600.0)
    assert not has_gone_off(alarm, 0.0)
    alarm.silence()  # which then finds nothing, and does not wait for it
    alarm.close()


def test_a_closed_alarm_says_that_it_cannot_be_set(alarm: Alarm) -> None:
    alarm.close()
    alarm.close()
    assert not alarm.set(1.0)
