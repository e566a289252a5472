"""What of a record is worth a curve: recognised by what its groups record, not by their names."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from gridloom.scenarios.live.recorded_rows import (
    names_along,
    rated_currents_a,
    recorded_groups,
    remark_of,
    statistic_of,
    variables_of,
)
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
    Signal,
    Statistic,
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
    statistic: Statistic | None = None
    """What is drawn of the steps of a row that covers several, if the record has it."""
    only_recorded: bool = False
    """Whether there is no curve where the record does not have it, nor needs to."""


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
_UPSTREAM = "from the upstream grid"
_RULES: dict[Signal, tuple[_Rule, ...]] = {
    TRANSFORMER_LOADING: (
        _Rule(panel="loading", label="most loaded transformer", reduce=_HIGHEST, statistic="max"),
    ),
    POWER: (_Rule(panel="power", label="{model}", reduce=_sum),),
    SLACK_POWER: (
        _Rule(panel="power", label=_UPSTREAM, reduce=_sum),
        _Rule(panel="power", label=_UPSTREAM, reduce=_LOWEST, statistic="min", only_recorded=True),
        _Rule(panel="power", label=_UPSTREAM, reduce=_HIGHEST, statistic="max", only_recorded=True),
    ),
    POSITION: (_Rule(panel="power", label="day-ahead position", reduce=_sum),),
    IMBALANCE: (_Rule(panel="imbalance", label="{model}", reduce=_sum),),
}
_VOLTAGES = (
    _Rule(panel="voltage", label="lowest of all {kind}", reduce=_LOWEST, statistic="min"),
    _Rule(panel="voltage", label="highest of all {kind}", reduce=_HIGHEST, statistic="max"),
)
_BANDS = {STATE_OF_CHARGE: "charge", INDOOR_TEMPERATURE: "temperature"}


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
    current = group[statistic_of(group, LINE_CURRENT, "max")]
    phases = names_along(current, 2)
    name = names_along(current, 1)[line]

    def phase(place: int) -> Reduce:
        return lambda rows: rows[:, place]

    return [
        Curve(
            panel="line",
            label=_remarked(f"{name}, phase {label}" if len(phases) > 1 else name, current),
            variable=_name_of(current),
            reduce=phase(place),
            at_end=False,
        )
        for place, label in enumerate(phases)
    ]


def _recognised(model: str, group: Any) -> list[Curve]:
    variables = variables_of(group)
    # The voltages of all buses are preferred to those of the connection points
    voltage = BUS_VOLTAGE if BUS_VOLTAGE.name in variables else VOLTAGE
    bands = {
        signal: _band(panel, variables[signal.name])
        for signal, panel in _BANDS.items()
        if signal.name in variables
    }
    curves = _loading(group, variables)
    for signal, rules in {**_RULES, **bands, voltage: _VOLTAGES}.items():
        if signal.name in variables:
            curves += _curves_by(rules, model, group, signal)
    for dataset in variables.values():
        if dataset.attrs.get("units") == PRICE_UNIT:
            rule = _Rule(panel="price", label=_short_name(dataset), reduce=_mean)
            curves.append(_curve(model, dataset, rule))
    return curves


def _curves_by(rules: Iterable[_Rule], model: str, group: Any, signal: Signal) -> Iterator[Curve]:
    """Yield the curves of a signal, of its statistics where they are recorded."""
    for rule in rules:
        name = signal.name
        if rule.statistic is not None:
            name = statistic_of(group, signal, rule.statistic)
        if name != signal.name or not rule.only_recorded:
            yield _curve(model, group[name], rule)


def _band(panel: str, dataset: Any) -> tuple[_Rule, ...]:
    """Return the rules for lowest, mean and highest of all elements; of one they are the same."""
    if np.prod(dataset.shape[1:]) == 1:
        return (_Rule(panel=panel, label="{model}", reduce=_mean),)
    named = (("lowest", _LOWEST), ("mean", _mean), ("highest", _HIGHEST))
    return tuple(
        _Rule(panel=panel, label=f"{{model}}, {name}", reduce=reduce) for name, reduce in named
    )


def _loading(group: Any, variables: Mapping[str, Any]) -> list[Curve]:
    rated_a = rated_currents_a(group)
    if np.isfinite(rated_a).any():
        ratings_a = np.repeat(rated_a, variables[LINE_CURRENT.name].shape[2])

        def percent(rows: FloatArray) -> FloatArray:
            return _HIGHEST(100.0 * rows / ratings_a)

        rule = _Rule(panel="loading", label="most loaded line", reduce=percent, statistic="max")
        return list(_curves_by([rule], "", group, LINE_CURRENT))
    for signal, panel, label in (
        (LINE_LOADING, "loading", "most loaded line"),
        (LINE_CURRENT, "line", "highest of all lines"),
    ):
        if signal.name in variables:
            rule = _Rule(panel=panel, label=label, reduce=_HIGHEST, statistic="max")
            return list(_curves_by([rule], "", group, signal))
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
        label=_remarked(rule.label.replace("{model}", model).replace("{kind}", plural), dataset),
        variable=_name_of(dataset),
        reduce=rule.reduce,
        at_end="point" in str(dataset.attrs["cell_methods"]),
        unit=str(dataset.attrs.get("units", "")),
    )


def _remarked(label: str, dataset: Any) -> str:
    """Add to a label what the values are of the steps of a row that covers several."""
    remark = remark_of(dataset)
    return f"{label}, {remark}" if remark else label


def _name_of(dataset: Any) -> str:
    return str(dataset.name.rsplit("/", 1)[-1])


def _long_name(dataset: Any) -> str:
    return str(dataset.attrs.get("long_name") or _name_of(dataset))


def _short_name(dataset: Any) -> str:
    """Return a price's name without its unit, which the axis gives."""
    return _name_of(dataset).removesuffix("_eur_per_mwh").replace("_", " ")
