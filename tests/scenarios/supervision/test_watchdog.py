"""The watchdog ends steps that take too long, those written in Python and no others."""

import threading
import time

import pytest

from gridloom.scenarios.supervision import watchdog
from gridloom.scenarios.supervision.watchdog import Watchdog
from gridloom.simulators.errors import SimulatorError


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "_POLL_S", 0.02)
    monkeypatch.setattr(watchdog, "_GRACE_S", 0.1)


@pytest.fixture
def last_words(monkeypatch: pytest.MonkeyPatch) -> list[SimulatorError]:
    said: list[SimulatorError] = []
    monkeypatch.setattr(Watchdog, "last_resort", said.append)
    return said


def sleep() -> None:
    time.sleep(60)


def count() -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        pass


@pytest.mark.parametrize("hang", [sleep, count])
def test_python_is_interrupted(hang: object) -> None:
    dog = Watchdog()
    assert callable(hang)
    with dog.on_guard():
        dog.begin("ev", 900, 0.1)
        with pytest.raises(SimulatorError) as caught:
            hang()
        dog.end()
    assert str(caught.value) == (
        "simulator 'ev' failed at simulation time 900 s: it hangs: its step takes longer than 0.1 s"
    )


def test_steps_in_time_are_left_alone(last_words: list[SimulatorError]) -> None:
    dog = Watchdog()
    with dog.on_guard():
        for t in range(20):  # longer together than one may take
            dog.begin("ev", t, 0.2)
            time.sleep(0.02)
            dog.end()
        time.sleep(0.4)  # between steps
    assert last_words == []


def test_who_swallows_the_error_is_left_to_the_last_resort(
    last_words: list[SimulatorError],
) -> None:
    dog, until = Watchdog(), time.monotonic() + 60
    with dog.on_guard():
        dog.begin("ev", 900, 0.05)
        while not last_words and time.monotonic() < until:
            try:
                time.sleep(0.02)
            except SimulatorError:
                continue
        dog.end()
    assert str(last_words[0]).startswith("simulator 'ev' failed at simulation time 900 s: it hangs")


def test_next_step_after_one_that_hung() -> None:
    dog = Watchdog()
    with dog.on_guard():
        for t in (0, 1):
            dog.begin("ev", t, 0.05)
            with pytest.raises(SimulatorError, match=f"simulation time {t} s"):
                sleep()
            dog.end()


def test_elsewhere_than_in_the_main_thread_it_does_nothing() -> None:
    failed: list[BaseException] = []

    def run() -> None:
        dog = Watchdog()
        try:
            with dog.on_guard():
                dog.begin("ev", 0, 0.02)
                time.sleep(0.3)
                dog.end()
        except BaseException as error:  # noqa: BLE001 -- whatever it is
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert failed == []


def test_its_signal_is_given_back() -> None:
    import signal

    before = signal.getsignal(watchdog._SIGNAL)
    with Watchdog().on_guard():
        assert signal.getsignal(watchdog._SIGNAL) is not before
    assert signal.getsignal(watchdog._SIGNAL) is before
