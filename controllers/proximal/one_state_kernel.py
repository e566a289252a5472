"""Compiled: the optimum over one state; see `one_state` for the mathematics.

A course, (11, T), is what a device is asked and does by interval, padded to whole vectors: the wish
(answer if there was no state, kW), bounds of the state at the end, the effect of the level on the
answer, the weight of the state in the last one, how a device that only draws moves the state (rise
per kW, drift without), then what is found: level, flow into the state, slope of the flow's effect
on the last state over the level, state at the end.
"""

from typing import NamedTuple

import numpy as np

from gridloom.controllers.proximal.compiled import compiled
from gridloom.controllers.proximal.population import IntArray
from gridloom.controllers.proximal.segments_kernel import (
    END,
    EXCESS,
    FREE,
    KIND,
    LEVEL,
    SLOPE,
    improve,
    put,
    revise,
    wrong_signs,
)
from gridloom.simulators.model import FloatArray

WISH, LOWEST, HIGHEST, EFFECT, WEIGHT, RISE, DRIFT, LEVELS, FLOW, STEEPNESS, STATE = range(11)
_ROWS = (STATE, LOWEST, HIGHEST, WEIGHT)
_SIGN_TOLERANCE = 1e-10
"""Of answers, relative to the rated powers."""
_WARM_TRIALS = 24
_TRIALS = 10_000
_VECTOR = 16


class Device(NamedTuple):
    """What is the same in all intervals."""

    charge: float
    """kW"""
    discharge: float
    """kW"""
    rise: float
    """kW stored per kW charged."""
    fall: float
    """kW taken from store per kW discharged."""
    chord: float
    """kW stored per kW drawn between discharging and charging fully, in turns."""
    waste: float
    """kW lost at 0 kW by doing so, at most, as a negative number: stored."""
    zone: float
    """kW, how wide the range of levels is in which only more or less is wasted; 0 if none can."""
    wear: float
    """kW by which wear moves the answer."""
    one_way: int
    """1 if it only draws, and the state follows its power by the course's own factors, else 0."""
    keep: float
    """Share of the state that is left after an interval."""
    initial: float
    """State"""
    tolerance: float
    """Of the state."""


@compiled
def padded(count: int) -> int:
    """Return how many intervals whole vectors hold."""
    return (count + _VECTOR - 1) // _VECTOR * _VECTOR


@compiled
def workplace(intervals: int) -> tuple[FloatArray, IntArray, FloatArray]:
    """Return a course for so many intervals, and room for its segments."""
    course = np.zeros((11, padded(intervals)))
    course[EFFECT] = 1.0
    course[WEIGHT] = 1.0
    return course, np.zeros((2, 3, intervals + 2), np.int64), np.zeros((2, 6, intervals + 2))


@compiled
def _one_way(device: Device, course: FloatArray, start: int, count: int) -> None:
    """Set what flows into the state of a device that only draws, in so many intervals."""
    since = np.uint64(start)  # unsigned: no index may count from the end
    for i in range(np.uint64(count)):
        t = since + i
        power = course[WISH, t] + course[EFFECT, t] * course[LEVELS, t]
        inside = (power > 0.0) & (power < device.charge)
        course[FLOW, t] = min(max(power, 0.0), device.charge)
        course[STEEPNESS, t] = course[EFFECT, t] * course[EFFECT, t] if inside else 0.0
    for i in range(np.uint64(count)):
        t = since + i
        course[FLOW, t] = course[RISE, t] * course[FLOW, t] + course[DRIFT, t]


@compiled
def _two_way(device: Device, course: FloatArray, start: int, count: int) -> None:
    """Set what is stored in each interval at its level, and how fast this grows with the level.

    Above the zone the marginal value of stored energy is positive: p(x) is the upper edge of the
    hull; below it is negative: the chord.
    """
    since = np.uint64(start)
    per_zone = 1.0 / device.zone if device.zone > 0.0 else 0.0
    for i in range(np.uint64(count)):
        t = since + i
        level = course[LEVELS, t]
        value = min(level, 0.0) + max(level - device.zone, 0.0)
        thrift = min(max(level * per_zone, 0.0), 1.0)
        rise = device.chord + thrift * (device.rise - device.chord)
        fall = device.chord + thrift * (device.fall - device.chord)
        up = course[WISH, t] - device.wear + rise * value
        down = course[WISH, t] + device.wear + fall * value
        charge = min(max(up, 0.0), device.charge)
        discharge = max(min(down, 0.0), -device.discharge)
        course[FLOW, t] = (1.0 - thrift) * device.waste + rise * charge + fall * discharge
        steep = rise * rise if (up > 0.0) & (up < device.charge) else 0.0
        steep += fall * fall if (down < 0.0) & (down > -device.discharge) else 0.0
        spared = (device.rise - device.chord) * charge + (device.fall - device.chord) * discharge
        inside = (level > 0.0) & (level < device.zone)
        course[STEEPNESS, t] = per_zone * (spared - device.waste) if inside else steep


@compiled
def answer(device: Device, course: FloatArray, count: int) -> None:
    """Set the flows to the power in each interval at its level."""
    if device.one_way:
        for t in range(count):
            power = course[WISH, t] + course[EFFECT, t] * course[LEVELS, t]
            course[FLOW, t] = min(max(power, 0.0), device.charge)
        return
    per_zone = 1.0 / device.zone if device.zone > 0.0 else 0.0
    for t in range(count):
        level = course[LEVELS, t]
        value = min(level, 0.0) + max(level - device.zone, 0.0)
        thrift = min(max(level * per_zone, 0.0), 1.0)
        rise = device.chord + thrift * (device.rise - device.chord)
        fall = device.chord + thrift * (device.fall - device.chord)
        charge = min(max(course[WISH, t] - device.wear + rise * value, 0.0), device.charge)
        discharge = max(min(course[WISH, t] + device.wear + fall * value, 0.0), -device.discharge)
        course[FLOW, t] = charge + discharge


@compiled
def _integrate(
    device: Device,
    course: FloatArray,
    marks: IntArray,
    values: FloatArray,
    page: int,
    first: int,
    after: int,
) -> None:
    """Set the states from one tight point to the next, and by how much each is missed."""
    start, state = 0, device.initial
    if first > 0:
        start = marks[page, END, first - 1]
        kind = marks[page, KIND, first - 1]
        state = course[LOWEST if kind < 0 else HIGHEST, start - 1]
    for at in range(first, after):
        slope, end, since = 0.0, marks[page, END, at], np.uint64(start)
        for i in range(np.uint64(end - start)):
            t = since + i
            state = device.keep * state + course[FLOW, t]
            slope += course[STEEPNESS, t]
            course[STATE, t] = state
        start, kind = end, marks[page, KIND, at]
        if kind != FREE:
            bound = course[LOWEST if kind < 0 else HIGHEST, end - 1]
            values[page, EXCESS, at] = state - bound
            values[page, SLOPE, at] = slope / course[WEIGHT, end - 1]
            state = bound


@compiled
def _evaluate(
    device: Device,
    course: FloatArray,
    marks: IntArray,
    values: FloatArray,
    page: int,
    first: int,
    after: int,
) -> None:
    """Set levels, flows and states of some segments, and by how much each misses its bound."""
    begin = marks[page, END, first - 1] if first > 0 else 0
    start = begin
    for at in range(first, after):
        end, level, since = marks[page, END, at], values[page, LEVEL, at], np.uint64(start)
        for i in range(np.uint64(end - start)):
            course[LEVELS, since + i] = level
        start = end
    aligned = begin // _VECTOR * _VECTOR
    if device.one_way:
        _one_way(device, course, aligned, padded(start) - aligned)
    else:
        _two_way(device, course, aligned, padded(start) - aligned)
    _integrate(device, course, marks, values, page, first, after)


@compiled
def _violations(course: FloatArray, count: int, tolerance: float) -> int:
    """Return in how many intervals the state leaves its bounds."""
    violations = 0
    for t in range(count):
        below = course[LOWEST, t] - course[STATE, t]
        above = course[STATE, t] - course[HIGHEST, t]
        violations += 1 if (below > tolerance) | (above > tolerance) else 0
    return violations


@compiled
def solve(
    device: Device,
    count: int,
    course: FloatArray,
    marks: IntArray,
    values: FloatArray,
    guessed: int,
) -> tuple[int, int]:
    """Find the segments of the optimum, and set the levels.

    Args:
        device: whose optimum is sought.
        count: intervals.
        course: with all set that is given.
        marks: with the next one, the segments of a guess, on page 0.
        values: see there.
        guessed: segments of the guess, 0 for none.

    Returns:
        Number of segments; their page.
    """
    beyond, rated, tolerance = device.zone, device.charge + device.discharge, device.tolerance
    zero = int(np.int64(0))  # no literal, for which all would be compiled once more
    known, page, first, after = guessed, zero, zero, guessed
    for trial in range(_TRIALS):
        if known == 0 or (guessed > 0 and trial == _WARM_TRIALS):
            guessed, known, first, after = 0, 1, zero, 1
            put(marks, values, page, zero, count, int(np.int64(FREE)), beyond)
        _evaluate(device, course, marks, values, page, first, after)
        first, after = improve(marks, values, page, first, after, tolerance, rated, course, EFFECT)
        if first < after:
            continue
        wrong = 0
        if guessed > 0:
            limit = _SIGN_TOLERANCE * rated
            wrong = wrong_signs(marks, values, page, known, beyond, limit, course, EFFECT)
        if wrong == 0 and not _violations(course, count, 2.0 * tolerance):
            break
        known, first, after = revise(
            marks, values, page, known, beyond, 2.0 * tolerance, course, _ROWS
        )
        page = 1 - page
        if first < 0:  # nothing left to split or join: what is missed is rounding
            break
    return known, page
