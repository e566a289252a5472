"""Compiled: what heat pumps answer; see `one_state` for the mathematics."""

import numpy as np
from numpy.typing import NDArray

from gridloom.controllers.proximal.compiled import compiled
from gridloom.controllers.proximal.memory_kernel import recall, remember
from gridloom.controllers.proximal.merit_order_kernel import AMOUNT, POWER, PRICE, dispatch
from gridloom.controllers.proximal.one_state_kernel import (
    DRIFT,
    EFFECT,
    FLOW,
    HIGHEST,
    LOWEST,
    RISE,
    WEIGHT,
    WISH,
    Device,
    answer,
    padded,
    solve,
    workplace,
)
from gridloom.controllers.proximal.population import BoolArray, IntArray
from gridloom.simulators.model import FloatArray

_TOLERANCE = 1e-11
"""Of the temperature, relative to what an interval's heat changes."""
_ROUNDING = 1e-13
"""Of the temperature, relative to itself."""


@compiled
def _set_weather(scalars: FloatArray, device: int, weather: FloatArray, course: FloatArray) -> None:
    """Set how the temperature rises and drifts, and what the level does."""
    count = weather.shape[1]
    heating, outdoor, gain = scalars[2, device], scalars[3, device], scalars[4, device]
    power, filled, end = scalars[1, device], 1, np.uint64(count - 1)
    while filled < count:  # from the end: the weights of twice as many intervals
        some = np.uint64(min(filled, count - filled))
        for i in range(some):
            course[WEIGHT, end - np.uint64(filled) - i] = power * course[WEIGHT, end - i]
        filled *= 2
        power *= power
    for t in range(count):
        course[RISE, t] = heating * weather[2, t]
    for t in range(count):
        course[DRIFT, t] = outdoor * weather[0, t] + gain * weather[1, t]
    for t in range(count):
        course[EFFECT, t] = course[RISE, t] * course[WEIGHT, t]


@compiled
def _set_limits(
    limits: tuple[IntArray, FloatArray, FloatArray], device: int, course: FloatArray
) -> None:
    """Set the bounds of the temperature."""
    which, lower, upper = limits
    row = which[device]
    for t in range(lower.shape[1]):
        course[LOWEST, t] = lower[row, t]
        course[HIGHEST, t] = upper[row, t]


@compiled
def _pump(scalars: FloatArray, device: int, course: FloatArray) -> Device:
    """Return what is the same in all intervals; see `respond`."""
    rated, keep, initial = scalars[0, device], scalars[1, device], scalars[5, device]
    size = abs(initial) + abs(course[LOWEST, 0]) + abs(course[HIGHEST, 0])
    tolerance = _TOLERANCE * rated * course[RISE, 0] + _ROUNDING * size
    return Device(rated, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1, keep, initial, tolerance)


@compiled
def respond(
    begin: int,
    end: int,
    active: BoolArray,
    leaf: IntArray,
    shift: FloatArray,
    scalars: FloatArray,
    limits: tuple[IntArray, FloatArray, FloatArray],
    weather: FloatArray,
    memory: tuple[NDArray[np.int16], NDArray[np.float32]],
    profile: FloatArray,
    total: FloatArray,
) -> None:
    """Heat; see `Population.respond`.

    Args:
        begin: first device.
        end: after the last device.
        active: (N,), whether devices answer.
        leaf: (N,), see there.
        shift: (L, T), kW per unit of weight.
        scalars: (7, N): rated kW, persistence, K/kW of heat, outdoor share, K/kW of gains, initial
            temperature, weight.
        limits: row of each device, (N,); lower and upper temperatures, (K, T).
        weather: (3, T): outdoor temperature, heat gain, coefficient of performance.
        memory: what is remembered of tight points, see `recall`.
        profile: (N, T), kW.
        total: (L, T), kW.
    """
    intervals = profile.shape[1]
    course, marks, values = workplace(intervals)
    points, remembered = memory
    for device in range(begin, end):
        net = leaf[device]
        if active[device]:
            _set_weather(scalars, device, weather, course)
            _set_limits(limits, device, course)
            share = scalars[6, device]
            for t in range(intervals):
                course[WISH, t] = profile[device, t] + share * shift[net, t]
            pump = _pump(scalars, device, course)
            guess = recall(device, points, remembered, intervals, 0.0, marks, values)
            found, page = solve(pump, intervals, course, marks, values, guess)
            remember(device, points, remembered, marks, values, page, found)
            answer(pump, course, padded(intervals))
            for t in range(intervals):
                profile[device, t] = course[FLOW, t]
        for t in range(intervals):
            total[net, t] += profile[device, t]


@compiled
def respond_cheapest(
    begin: int,
    end: int,
    active: BoolArray,
    leaf: IntArray,
    price: FloatArray,
    scalars: FloatArray,
    limits: tuple[IntArray, FloatArray, FloatArray],
    weather: FloatArray,
    profile: FloatArray,
    total: FloatArray,
) -> None:
    """Heat where only prices count; see `respond`, and `merit_order_kernel`.

    Args:
        begin: see `respond`, like all that follows.
        end: see there.
        active: (N,)
        leaf: (N,)
        price: (L, T), EUR/kW.
        scalars: (7, N)
        limits: see there.
        weather: (3, T)
        profile: (N, T)
        total: (L, T)
    """
    intervals = profile.shape[1]
    course, _, _ = workplace(intervals)
    offers = np.zeros((4, 1, intervals))
    book, prices = np.zeros(intervals + 1, np.int64), np.zeros(intervals + 1)
    for device in range(begin, end):
        net = leaf[device]
        if active[device]:
            _set_weather(scalars, device, weather, course)
            _set_limits(limits, device, course)
            rated = scalars[0, device]
            for t in range(intervals):
                offers[PRICE, 0, t] = price[net, t] / course[EFFECT, t]
                offers[AMOUNT, 0, t] = rated * course[EFFECT, t]
                offers[POWER, 0, t] = rated
                course[FLOW, t] = course[DRIFT, t] * course[WEIGHT, t]
            initial = scalars[5, device] * scalars[1, device] * course[WEIGHT, 0]
            dispatch(offers, course, intervals, initial, book, prices)
            for t in range(intervals):
                profile[device, t] = course[FLOW, t]
        for t in range(intervals):
            total[net, t] += profile[device, t]
