"""What of a record is worth a curve: recognised by what its groups record, not by their names."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import h5py
import numpy as np

from gridloom.scenarios.results.record.layout import STEP_SIZE
from gridloom.simulators.model import FloatArray
from gridloom.simulators.signals import (
    BUS_VOLTAGE,
    IMBALANCE,
    LINE_CURRENT,
    LINE_LOADING,
    POSITION,
    POWER,
    SLACK_POWER,
    STATE_OF_CHARGE,
    TRANSFORMER_LOADING,
    VOLTAGE,
)
from gridloom.simulators.thermal_signals import INDOOR_TEMPERATURE

Reduce: TypeAlias = Callable[[FloatArray], FloatArray]
"""(time, all values of a row) -> (time,)."""

PRICE_UNIT = "EUR/MWh"
PANELS = {
    "loading": ("Loading of lines and transformers", "%"),
    "line": ("Current of one line", "A"),
    "voltage": ("Voltages", "pu"),
    "power": ("Active power, positive from the grid into the devices", "kW"),
    "charge": ("State of charge", "1"),
    "temperature": ("Indoor temperature", "°C"),
    "price": ("Prices", PRICE_UNIT),
    "imbalance": ("Imbalance", "kWh"),
}
"""Title and unit, in the order of the page."""
RATED_CURRENT = "line_rated_current_a"
_OTHERS = 6
"""Most curves of a record in which nothing is recognised."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One curve: a number a row."""

    panel: str
    """Key of its panel; one that is not in `PANELS` is a panel's title."""
    label: str
    variable: str
    reduce: Reduce
    at_end: bool
    """Whether its values are those at the end of a step, not means over it."""
    unit: str = ""
    """As the record gives it."""


@dataclass(frozen=True, kw_only=True)
class _Rule:
    """How a signal becomes curves."""

    panel: str
    label: str
    """With the model's name and the elements' kind to be filled in."""
    reduce: Reduce


def _extreme(extreme: "np.ufunc") -> Reduce:
    def reduce(rows: FloatArray) -> FloatArray:
        reduced: FloatArray = extreme.reduce(rows, axis=1)
        return reduced

    return reduce


def _mean(rows: FloatArray) -> FloatArray:
    known = np.isfinite(rows)
    counts = known.sum(axis=1)
    sums = np.where(known, rows, 0.0).sum(axis=1)
    means: FloatArray = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return means


def _sum(rows: FloatArray) -> FloatArray:
    """Return sums over what is known; NaN where nothing is."""
    means: FloatArray = _mean(rows) * np.isfinite(rows).sum(axis=1)
    return means


_LOWEST, _HIGHEST = _extreme(np.fmin), _extreme(np.fmax)
_BAND = (("lowest", _LOWEST), ("mean", _mean), ("highest", _HIGHEST))
_RULES: dict[str, tuple[_Rule, ...]] = {
    TRANSFORMER_LOADING.name: (
        _Rule(panel="loading", label="most loaded transformer", reduce=_HIGHEST),
    ),
    POWER.name: (_Rule(panel="power", label="{model}", reduce=_sum),),
    SLACK_POWER.name: (_Rule(panel="power", label="from the upstream grid", reduce=_sum),),
    POSITION.name: (_Rule(panel="power", label="day-ahead position", reduce=_sum),),
    STATE_OF_CHARGE.name: tuple(
        _Rule(panel="charge", label=f"{{model}}, {name}", reduce=reduce) for name, reduce in _BAND
    ),
    INDOOR_TEMPERATURE.name: tuple(
        _Rule(panel="temperature", label=f"{{model}}, {name}", reduce=reduce)
        for name, reduce in _BAND
    ),
    IMBALANCE.name: (_Rule(panel="imbalance", label="{model}", reduce=_sum),),
}
_VOLTAGES = tuple(
    _Rule(panel="voltage", label=label, reduce=reduce)
    for label, reduce in (("lowest of all {kind}", _LOWEST), ("highest of all {kind}", _HIGHEST))
)


def recorded_groups(root: Any) -> dict[str, Any]:
    """Return the groups of an open record that hold rows, by their models' names."""
    return {
        name: group
        for name, group in root.items()
        if isinstance(group, h5py.Group) and "time" in group and STEP_SIZE in group.attrs
    }


def variables_of(group: Any) -> dict[str, Any]:
    """Return the datasets of a group that have a row a step."""
    return {
        name: dataset
        for name, dataset in group.items()
        if name != "time" and "cell_methods" in dataset.attrs
    }


def curves_of(root: Any) -> dict[str, list[Curve]]:
    """Return the curves of an open record, by model.

    Where nothing is recognised, as in the record of somebody's own models, there are curves of
    whatever is recorded.
    """
    groups = recorded_groups(root)
    curves = {name: _recognised(name, group) for name, group in groups.items()}
    if not any(curves.values()):
        left = _OTHERS
        for name, group in groups.items():
            curves[name] = _anything(name, group)[:left]
            left -= len(curves[name])
    return {name: found for name, found in curves.items() if found}


def line_curves(group: Any, line: int) -> list[Curve]:
    """Return one curve a phase of one line's current."""
    phases = _names(group[LINE_CURRENT.name], 2)
    name = _names(group[LINE_CURRENT.name], 1)[line]

    def phase(place: int) -> Reduce:
        return lambda rows: rows[:, place]

    return [
        Curve(
            panel="line",
            label=f"{name}, phase {label}" if len(phases) > 1 else name,
            variable=LINE_CURRENT.name,
            reduce=phase(place),
            at_end=False,
        )
        for place, label in enumerate(phases)
    ]


def line_names(group: Any) -> list[str]:
    """Return the names of the lines whose currents a group records; none if it records none."""
    variables = variables_of(group)
    is_grid = LINE_CURRENT.name in variables and variables[LINE_CURRENT.name].ndim == 3  # noqa: PLR2004 -- time, line, phase
    return _names(variables[LINE_CURRENT.name], 1) if is_grid else []


def rated_currents_a(group: Any) -> FloatArray:
    """Return (line,), NaN where unknown."""
    lines = len(line_names(group))
    if RATED_CURRENT not in group:
        return np.full(lines, np.nan)
    return np.asarray(group[RATED_CURRENT][()], dtype=np.float64)


def _recognised(model: str, group: Any) -> list[Curve]:
    variables = variables_of(group)
    curves = _loading(group, variables)
    for name, rules in (*_RULES.items(), _voltage_rules(variables)):
        if name in variables:
            curves += [
                _curve(model, variables[name], rule) for rule in _needed(rules, variables[name])
            ]
    for dataset in variables.values():
        if dataset.attrs.get("units") == PRICE_UNIT:
            rule = _Rule(panel="price", label=_short_name(dataset), reduce=_mean)
            curves.append(_curve(model, dataset, rule))
    return curves


def _needed(rules: Sequence[_Rule], dataset: Any) -> list[_Rule]:
    """Leave out what would be the same curve again: extremes of a single element."""
    if len(rules) == len(_BAND) and np.prod(dataset.shape[1:]) == 1:
        whole = rules[1]
        return [_Rule(panel=whole.panel, label="{model}", reduce=whole.reduce)]
    return list(rules)


def _voltage_rules(variables: dict[str, Any]) -> tuple[str, tuple[_Rule, ...]]:
    """Prefer the voltages of all buses to those of the connection points."""
    name = BUS_VOLTAGE.name if BUS_VOLTAGE.name in variables else VOLTAGE.name
    return name, _VOLTAGES


def _loading(group: Any, variables: dict[str, Any]) -> list[Curve]:
    rated_a = rated_currents_a(group)
    if np.isfinite(rated_a).any():
        phases = variables[LINE_CURRENT.name].shape[2]
        ratings_a = np.repeat(rated_a, phases)

        def percent(rows: FloatArray) -> FloatArray:
            return _HIGHEST(100.0 * rows / ratings_a)

        rule = _Rule(panel="loading", label="most loaded line", reduce=percent)
        return [_curve("", variables[LINE_CURRENT.name], rule)]
    for name, panel, label in (
        (LINE_LOADING.name, "loading", "most loaded line"),
        (LINE_CURRENT.name, "line", "highest of all lines"),
    ):
        if name in variables:
            rule = _Rule(panel=panel, label=label, reduce=_HIGHEST)
            return [_curve("", variables[name], rule)]
    return []


def _anything(model: str, group: Any) -> list[Curve]:
    rules = {
        name: _Rule(
            panel=f"{model}: {_long_name(dataset)}",
            label="mean of all {kind}" if dataset.ndim > 1 else name,
            reduce=_mean,
        )
        for name, dataset in variables_of(group).items()
    }
    return [_curve(model, group[name], rule) for name, rule in rules.items()]


def _curve(model: str, dataset: Any, rule: _Rule) -> Curve:
    has_kind = dataset.ndim > 1 and len(dataset.dims[1])
    kind = dataset.dims[1][0].name.rsplit("/", 1)[-1].replace("_", " ") if has_kind else "element"
    plural = f"{kind}{'es' if kind.endswith('s') else 's'}"
    return Curve(
        panel=rule.panel,
        label=rule.label.replace("{model}", model).replace("{kind}", plural),
        variable=dataset.name.rsplit("/", 1)[-1],
        reduce=rule.reduce,
        at_end="point" in str(dataset.attrs["cell_methods"]),
        unit=str(dataset.attrs.get("units", "")),
    )


def _long_name(dataset: Any) -> str:
    return str(dataset.attrs.get("long_name") or dataset.name.rsplit("/", 1)[-1])


def _short_name(dataset: Any) -> str:
    """Return a price's name without its unit, which the axis gives."""
    name = str(dataset.name.rsplit("/", 1)[-1])
    return name.removesuffix("_eur_per_mwh").replace("_", " ")


def _names(dataset: Any, axis: int) -> list[str]:
    """Return the names of the elements along an axis."""
    scale = dataset.dims[axis][0] if len(dataset.dims[axis]) else None
    if scale is None or h5py.check_string_dtype(scale.dtype) is None:
        return [str(place) for place in range(dataset.shape[axis])]
    return [str(name) for name in scale.asstr()[()]]
