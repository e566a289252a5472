"""Populations as sparse linear programs: for an optimum of everything at once.

Minimise sum_t f(p_t) + price_t p_t over what the devices can do, as minimise cost' x with
row_lower <= A x <= row_upper and lower <= x <= upper. Prices, and whatever couples devices, are
added by who joins the pieces: power is a sparse combination of columns.
"""

from dataclasses import dataclass

import numpy as np

from gridloom.controllers.proximal.batteries import Batteries
from gridloom.controllers.proximal.curtailable import Curtailable
from gridloom.controllers.proximal.deferrable import Deferrable
from gridloom.controllers.proximal.heat_pumps import HeatPumps
from gridloom.controllers.proximal.population import IntArray, Population
from gridloom.controllers.proximal.successive import Successive
from gridloom.controllers.proximal.two_mass_heat_pumps import TwoMassHeatPumps
from gridloom.simulators.model import FloatArray


@dataclass(frozen=True, kw_only=True)
class Entries:
    """Entries of a sparse matrix, (entries,) each, in any order."""

    row: IntArray
    column: IntArray
    value: FloatArray


@dataclass(frozen=True, kw_only=True)
class LinearPiece:
    """The columns and rows of one population."""

    cost: FloatArray
    """(columns,), EUR per unit: contracts, no prices."""
    lower: FloatArray
    """(columns,)"""
    upper: FloatArray
    """(columns,)"""
    row_lower: FloatArray
    """(rows,)"""
    row_upper: FloatArray
    """(rows,)"""
    entries: Entries
    """A"""
    power: Entries
    """Row d T + t: power of device d in interval t, kW."""


def linear_piece(population: Population, *, waste: bool = True) -> LinearPiece:
    """Return a population as part of a linear program.

    Args:
        population: of any kind of this package.
        waste: whether batteries may lose more energy than they must, which pays where drawing is
            rewarded; without, pieces are smaller and right for prices that are never negative.
    """
    if isinstance(population, Curtailable):
        return _curtailable(population)
    if isinstance(population, Deferrable):
        return _deferrable(population)
    if isinstance(population, Batteries):
        return _batteries(population, waste=waste)
    if isinstance(population, HeatPumps):
        return _heat_pumps(population)
    if isinstance(population, TwoMassHeatPumps):
        return _two_mass_heat_pumps(population)
    if isinstance(population, Successive):
        return _successive(population, waste=waste)
    raise TypeError(f"{type(population).__name__} has no linear program")


def _curtailable(plants: Curtailable) -> LinearPiece:
    size = plants.available_kw.size
    per_kw = plants.cost_eur_per_kwh * plants.interval_h
    each = np.arange(size)
    return LinearPiece(
        cost=np.repeat(per_kw, plants.intervals),
        lower=-plants.available_kw.ravel().astype(float),
        upper=np.zeros(size),
        row_lower=np.empty(0),
        row_upper=np.empty(0),
        entries=_joined([]),
        power=_joined([(each, each, np.ones(size))]),
    )


def _deferrable(loads: Deferrable) -> LinearPiece:
    """Columns: power in the intervals of the window; rows: energy of each."""
    first, after = np.floor(loads.release).astype(int), np.ceil(loads.deadline).astype(int)
    device, t = _ranges(first, after)
    share = np.minimum(loads.deadline[device], t + 1) - np.maximum(loads.release[device], t)
    needed_kw = loads.energy_kwh / loads.interval_h
    each, ones = np.arange(len(t)), np.ones(len(t))
    return LinearPiece(
        cost=np.zeros(len(t)),
        lower=np.zeros(len(t)),
        upper=loads.rated_power_kw[device] * share,
        row_lower=needed_kw,
        row_upper=needed_kw,
        entries=_joined([(device, each, ones)]),
        power=_joined([(device * loads.intervals + t, each, ones)]),
    )


def _batteries(cells: Batteries, *, waste: bool) -> LinearPiece:
    """Columns of each connected interval: charged, discharged, stored at the end, wasted.

    Rows: the balance of what is stored; that no more is wasted than by taking turns of charging
    and discharging fully (`one_state`). In an optimum one of the first two is 0, as both would only
    waste, at the cost of wear; so wear is that of the net power.
    """
    stays = cells.stays
    stay, t = _ranges(stays.begin, stays.end)
    device = np.repeat(np.arange(cells.count), np.diff(stays.first))[stay]
    size, each = len(t), np.arange(len(t))
    last = t + 1 == stays.end[stay]
    follows, drawn = np.zeros(size, np.bool_), np.zeros(size)
    follows[1:] = device[1:] == device[:-1]
    drawn[1:] = np.where(last, stays.trip_kwh[stay], 0.0)[:-1]
    start = np.where(follows, -drawn, cells.initial_kwh[device])
    rise = cells.charge_efficiency[device] * cells.interval_h
    fall = cells.interval_h / cells.discharge_efficiency[device]
    wear = (cells.wear_eur_per_kwh * cells.interval_h)[device]
    nothing, ones, low = np.zeros(size), np.ones(size), cells.lower_kwh[device]
    low = np.where(last, np.maximum(stays.required_kwh[stay], low), low)
    blocks = [
        (each, each, -rise),
        (each, size + each, fall),
        (each, 2 * size + each, ones),
        (each[follows], 2 * size + each[follows] - 1, -ones[follows]),
    ]
    chord, most = _chord(cells, device)
    if waste:
        blocks += [
            (each, 3 * size + each, ones),
            (size + each, 3 * size + each, ones),
            (size + each, each, chord - rise),
            (size + each, size + each, fall - chord),
        ]
    place = device * cells.intervals + t
    every = 4 if waste else 3
    return LinearPiece(
        cost=np.concatenate((wear, wear, nothing, nothing)[:every]),
        lower=np.concatenate((nothing, nothing, low, nothing)[:every]),
        upper=np.concatenate(
            (cells.charge_kw[device], cells.discharge_kw[device], cells.upper_kwh[device], most)[
                :every
            ]
        ),
        row_lower=np.concatenate((start, np.full(size, -np.inf))[: every - 2]),
        row_upper=np.concatenate((start, most)[: every - 2]),
        entries=_joined(blocks),
        power=_joined([(place, each, ones), (place, size + each, -ones)]),
    )


def _chord(cells: Batteries, device: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return kWh stored per kW along the chord, and the most kWh wasted in an interval."""
    charge, discharge = cells.charge_kw[device], cells.discharge_kw[device]
    rise = cells.charge_efficiency[device] * cells.interval_h
    fall = cells.interval_h / cells.discharge_efficiency[device]
    both = np.where(charge + discharge > 0.0, charge + discharge, 1.0)
    chord = (rise * charge + fall * discharge) / both
    return chord, charge * (chord - rise)


def _heat_pumps(pumps: HeatPumps) -> LinearPiece:
    """Columns: power, and temperature at the end, of each interval; rows: how it comes about."""
    count, intervals = pumps.count, pumps.intervals
    size = count * intervals
    each = np.arange(size).reshape(count, intervals)
    rise = np.outer(pumps.heating_k_per_kw, pumps.cop)
    drift = np.outer(pumps.outdoor_share, pumps.outdoor_c)
    drift += np.outer(pumps.gain_k_per_kw, pumps.heat_gain_kw)
    drift[:, 0] += pumps.persistence * pumps.initial_c
    low, high = pumps.lower_c[pumps.limits], pumps.upper_c[pumps.limits]
    before = np.repeat(pumps.persistence[:, None], intervals - 1, axis=1)
    blocks = [
        (each, each, -rise),
        (each, size + each, np.ones_like(rise)),
        (each[:, 1:], size + each[:, :-1], -before),
    ]
    return LinearPiece(
        cost=np.zeros(2 * size),
        lower=np.concatenate((np.zeros(size), low.ravel())),
        upper=np.concatenate((np.repeat(pumps.rated_power_kw, intervals), high.ravel())),
        row_lower=drift.ravel(),
        row_upper=drift.ravel(),
        entries=_joined(blocks),
        power=_joined([(each, each, np.ones_like(rise))]),
    )


def _two_mass_heat_pumps(pumps: TwoMassHeatPumps) -> LinearPiece:
    """Columns of each interval: power, warmth of air and of mass at the end; rows: of both."""
    count, intervals = pumps.count, pumps.intervals
    size = count * intervals
    each = np.arange(size).reshape(count, intervals)
    ones, blocks = np.ones(each.shape), []
    for node in range(2):
        rise = np.outer(pumps.heating_k_per_kw[:, node], pumps.cop)
        here = node * size + each
        blocks += [(here, each, -rise), (here, size + here, ones)]
        for before in range(2):
            kept = np.repeat(pumps.transition[:, node, before, None], intervals - 1, axis=1)
            blocks.append((here[:, 1:], (1 + before) * size + each[:, :-1], -kept))
    unbounded = np.full(size, np.inf)
    return LinearPiece(
        cost=np.zeros(3 * size),
        lower=np.concatenate((np.zeros(size), pumps.lower_k.ravel(), -unbounded)),
        upper=np.concatenate(
            (np.repeat(pumps.rated_power_kw, intervals), pumps.upper_k.ravel(), unbounded)
        ),
        row_lower=np.zeros(2 * size),
        row_upper=np.zeros(2 * size),
        entries=_joined(blocks),
        power=_joined([(each, each, ones)]),
    )


def _successive(places: Successive, *, waste: bool) -> LinearPiece:
    """Columns and rows of all who take turns, side by side; power is that of their places."""
    pieces = [linear_piece(turns.population, waste=waste) for turns in places.turns]
    columns = np.cumsum([0, *(len(piece.cost) for piece in pieces)])
    rows = np.cumsum([0, *(len(piece.row_lower) for piece in pieces)])
    entries, power = [], []
    for turns, piece, column, row in zip(places.turns, pieces, columns, rows, strict=False):
        entries.append(
            (piece.entries.row + row, piece.entries.column + column, piece.entries.value)
        )
        device, t = np.divmod(piece.power.row, places.intervals)
        at = turns.place[device] * places.intervals + t
        power.append((at, piece.power.column + column, piece.power.value))

    def together(name: str) -> FloatArray:
        return np.concatenate([np.empty(0), *(getattr(piece, name) for piece in pieces)])

    return LinearPiece(
        cost=together("cost"),
        lower=together("lower"),
        upper=together("upper"),
        row_lower=together("row_lower"),
        row_upper=together("row_upper"),
        entries=_joined(entries),
        power=_joined(power),
    )


def _joined(blocks: list[tuple[IntArray, IntArray, FloatArray]]) -> Entries:
    """Return the entries of all blocks."""
    row, column, value = (
        np.concatenate([block[part].ravel() for block in blocks]) if blocks else np.empty(0)
        for part in range(3)
    )
    return Entries(row=row.astype(np.int64), column=column.astype(np.int64), value=value)


def _ranges(first: IntArray, after: IntArray) -> tuple[IntArray, IntArray]:
    """Return all integers of many ranges: of which range each is, and it itself."""
    count = after - first
    which = np.repeat(np.arange(len(first)), count)
    within = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
    return which, first[which] + within
