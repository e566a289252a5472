"""Compiled: what batteries and vehicles answer; see `one_state` for the mathematics.

Inside, stored energy is counted in kW over one interval, as if trips had not drawn any: what they
draw is added to the bounds. Only connected intervals are looked at.
"""

import numpy as np
from numpy.typing import NDArray

from gridloom.controllers.proximal.compiled import compiled
from gridloom.controllers.proximal.memory_kernel import recall, remember
from gridloom.controllers.proximal.merit_order_kernel import AMOUNT, POWER, PRICE, dispatch
from gridloom.controllers.proximal.one_state_kernel import (
    FLOW,
    HIGHEST,
    LOWEST,
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
"""Of the state, relative to what is stored in all."""


@compiled
def _battery(scalars: FloatArray, device: int, wear: float, most: float) -> Device:
    """Return what is the same in all intervals; see `respond`."""
    charge, discharge = scalars[0, device], scalars[1, device]
    rise, fall = scalars[2, device], 1.0 / scalars[3, device]
    both = charge + discharge
    chord = (rise * charge + fall * discharge) / both if both > 0.0 else 1.0
    waste = charge * (rise - chord)
    zone = both if waste < 0.0 else 0.0
    initial, tolerance = scalars[4, device], _TOLERANCE * (both + most)
    return Device(
        charge, discharge, rise, fall, chord, waste, zone, wear, 0, 1.0, initial, tolerance
    )


@compiled
def _bounds(
    scalars: FloatArray,
    device: int,
    first: IntArray,
    window: IntArray,
    energy: FloatArray,
    per_kwh: float,
    course: FloatArray,
) -> int:
    """Set the bounds of the state at the ends of connected intervals; return how many there are."""
    drawn, count = 0.0, 0
    low, high = scalars[5, device] * per_kwh, scalars[6, device] * per_kwh
    for stay in range(first[device], first[device + 1]):
        after = count + window[1, stay] - window[0, stay]
        course[LOWEST, count:after] = low + drawn
        course[HIGHEST, count:after] = high + drawn
        if after > count:
            course[LOWEST, after - 1] = energy[0, stay] * per_kwh + drawn
        count = after
        drawn += energy[1, stay] * per_kwh
    return count


@compiled
def _gather(
    device: int,
    first: IntArray,
    window: IntArray,
    profile: FloatArray,
    last: float,
    shift: FloatArray,
    share: float,
    course: FloatArray,
) -> None:
    """Set the wish in connected intervals: last * profile + share * shift, of the device's net."""
    at = 0
    for stay in range(first[device], first[device + 1]):
        since, until = window[0, stay], window[1, stay]
        wish = course[WISH, at : at + until - since]
        before, pull = profile[since:until], shift[since:until]
        for t in range(len(wish)):
            wish[t] = last * before[t] + share * pull[t]
        at += until - since


@compiled
def _scatter(
    device: int, first: IntArray, window: IntArray, course: FloatArray, profile: FloatArray
) -> None:
    """Set a device's profile in connected intervals to the flow of the course."""
    at = 0
    for stay in range(first[device], first[device + 1]):
        since, until = window[0, stay], window[1, stay]
        power, row = course[FLOW, at : at + until - since], profile[since:until]
        for t in range(len(row)):
            row[t] = power[t]
        at += len(row)


@compiled
def _prepare(
    device: int, first: IntArray, window: IntArray, known: BoolArray, profile: FloatArray
) -> None:
    """Set the profile outside stays to zero, unless it is known to be."""
    if known[device]:
        return
    known[device] = True
    start = 0
    for stay in range(first[device], first[device + 1]):
        profile[start : window[0, stay]] = 0.0
        start = window[1, stay]
    profile[start:] = 0.0


@compiled
def _add(profile: FloatArray, total: FloatArray, cost: FloatArray, net: int, per_kw: float) -> None:
    """Add a profile and what it costs to the totals of its leaf net."""
    sums, paid = total[net], 0.0
    for t in range(len(profile)):
        sums[t] += profile[t]
        paid += abs(profile[t])
    cost[net] += paid * per_kw


@compiled
def respond(
    begin: int,
    end: int,
    active: BoolArray,
    leaf: IntArray,
    shift: FloatArray,
    penalty: float,
    interval_h: float,
    scalars: FloatArray,
    stays: tuple[IntArray, IntArray, FloatArray],
    memory: tuple[BoolArray, NDArray[np.int16], NDArray[np.float32]],
    profile: FloatArray,
    total: FloatArray,
    cost: FloatArray,
) -> None:
    """Charge and discharge; see `Population.respond`.

    Args:
        begin: first device.
        end: after the last device.
        active: (N,), whether devices answer.
        leaf: (N,), see there.
        shift: (L, T), kW per unit of weight.
        penalty: EUR/kW^2.
        interval_h: length of intervals.
        scalars: (9, N): charge and discharge kW, their efficiencies, initial kW, lower and upper
            kWh, wear in EUR/kW, weight.
        stays: first (N + 1,), begin and end (2, M), required and trip kWh (2, M).
        memory: (N,), whether profiles are zero outside stays, is set; what is remembered of tight
            points, see `recall`.
        profile: (N, T), kW.
        total: (L, T), kW.
        cost: (L,), EUR.
    """
    course, marks, values = workplace(profile.shape[1])
    known, points, remembered = memory
    first, window, energy = stays
    for device in range(begin, end):
        net, row = leaf[device], profile[device]
        if active[device]:
            _prepare(device, first, window, known, row)
            count = _bounds(scalars, device, first, window, energy, 1.0 / interval_h, course)
            share = scalars[8, device]
            _gather(device, first, window, row, 1.0, shift[net], share, course)
            wear = scalars[7, device] * share / penalty
            cell = _battery(scalars, device, wear, course[HIGHEST, max(count - 1, 0)])
            guess = recall(device, points, remembered, count, cell.zone, marks, values)
            found, page = solve(cell, count, course, marks, values, guess)
            remember(device, points, remembered, marks, values, page, found)
            answer(cell, course, padded(count))
            _scatter(device, first, window, course, row)
        _add(row, total, cost, net, scalars[7, device])


@compiled
def _offer(cell: Device, count: int, course: FloatArray, offers: FloatArray) -> None:
    """Set what a battery offers from discharging fully, at the prices which its wishes are.

    The less is charged by discharging less, the more by charging; below the value 0 of stored
    energy on the chord of the hull, and at 0 nothing but waste changes.
    """
    for t in range(count):
        spare, buy = course[WISH, t] - cell.wear, course[WISH, t] + cell.wear
        fall = cell.fall if spare > 0.0 else cell.chord
        rise = cell.rise if buy > 0.0 else cell.chord
        offers[PRICE, 0, t], offers[PRICE, 1, t], offers[PRICE, 2, t] = (
            spare / fall,
            buy / rise,
            0.0,
        )
        offers[AMOUNT, 0, t], offers[POWER, 0, t] = fall * cell.discharge, cell.discharge
        offers[AMOUNT, 1, t], offers[POWER, 1, t] = rise * cell.charge, cell.charge
        waste = -cell.waste if (spare <= 0.0) & (buy > 0.0) else 0.0
        offers[AMOUNT, 2, t], offers[POWER, 2, t] = waste, 0.0
        course[FLOW, t] = -cell.fall * cell.discharge


@compiled
def respond_cheapest(
    begin: int,
    end: int,
    active: BoolArray,
    leaf: IntArray,
    price: FloatArray,
    interval_h: float,
    scalars: FloatArray,
    stays: tuple[IntArray, IntArray, FloatArray],
    known: BoolArray,
    profile: FloatArray,
    total: FloatArray,
    cost: FloatArray,
) -> None:
    """Charge and discharge where only prices count; see `respond`, and `merit_order_kernel`.

    Args:
        begin: see `respond`, like all that follows.
        end: see there.
        active: (N,)
        leaf: (N,)
        price: (L, T), EUR/kW.
        interval_h: length of intervals.
        scalars: (9, N)
        stays: see there.
        known: (N,), whether profiles are zero outside stays, is set.
        profile: (N, T)
        total: (L, T)
        cost: (L,)
    """
    intervals = profile.shape[1]
    course, _, _ = workplace(intervals)
    offers = np.zeros((4, 3, intervals))
    book, prices = np.zeros(3 * intervals + 1, np.int64), np.zeros(3 * intervals + 1)
    first, window, energy = stays
    for device in range(begin, end):
        net, row = leaf[device], profile[device]
        if active[device]:
            _prepare(device, first, window, known, row)
            count = _bounds(scalars, device, first, window, energy, 1.0 / interval_h, course)
            _gather(device, first, window, row, 0.0, price[net], 1.0, course)
            cell = _battery(scalars, device, scalars[7, device], 0.0)
            _offer(cell, count, course, offers)
            dispatch(offers, course, count, cell.initial, book, prices)
            for t in range(count):
                course[FLOW, t] -= cell.discharge
            _scatter(device, first, window, course, row)
        _add(row, total, cost, net, scalars[7, device])
