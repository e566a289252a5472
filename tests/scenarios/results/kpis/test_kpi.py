"""The table of KPIs as a whole and as a file."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridloom.scenarios.results.kpis import Kpi, compute_kpis, read_kpis_csv, write_kpis_csv
from gridloom.simulators.errors import RecordError
from gridloom.simulators.signals import IMBALANCE, LINE_CURRENT, POWER

KPIS = [
    Kpi(
        name="a_kwh", value=0.1 + 0.2, unit="kWh", group="Grid", label='says "a", b', headline=True
    ),
    Kpi(name="b_eur", value=-1e-17, unit="EUR", group="Market", label="b", of="period 1"),
]


def test_table_survives_the_file_exactly(tmp_path: Path) -> None:
    path = tmp_path / "kpis.csv"
    write_kpis_csv(KPIS, path)
    assert read_kpis_csv(path) == KPIS
    assert path.read_text().splitlines()[0] == "name,value,unit,group,label,of,headline"


def test_nan_survives_the_file(tmp_path: Path) -> None:
    path = tmp_path / "kpis.csv"
    write_kpis_csv([Kpi(name="x", value=np.nan, unit="1", group="EV", label="x")], path)
    assert np.isnan(read_kpis_csv(path)[0].value)


def test_what_is_no_table_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="is not a table of KPIs"):
        read_kpis_csv(tmp_path / "none.csv")
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    with pytest.raises(RecordError, match="is not a table of KPIs"):
        read_kpis_csv(other)
    with pytest.raises(RecordError, match=r"cannot write .*kpis"):
        write_kpis_csv(KPIS, tmp_path / "no" / "kpis.csv")


def test_each_kpi_is_identified_by_name_and_of(record: Any, rows: Any) -> None:
    along = ("settlement_period",)
    opened = record(
        market=rows(
            signals={IMBALANCE: np.ones(4)},
            static={
                "period_start_s": (along, [0, 2]),
                "period_stop_s": (along, [2, 4]),
                "imbalance_price_shortage_eur_per_mwh": (along, [1.0, 1.0]),
                "imbalance_price_surplus_eur_per_mwh": (along, [1.0, 1.0]),
            },
        ),
        grid=rows(
            signals={LINE_CURRENT: np.ones((4, 2, 1))},
            kinds={LINE_CURRENT: ("line", ["L1", "L2"])},
            static={"line_rated_current_a": (("line",), [1.0, 1.0])},
        ),
        load=rows(signals={POWER: np.ones((4, 1))}, kinds={POWER: ("load", ["H1"])}),
    )
    kpis = compute_kpis(opened)
    assert len({(kpi.name, kpi.of) for kpi in kpis}) == len(kpis)
    headlines = {(kpi.name, kpi.of) for kpi in kpis if kpi.headline}
    assert ("imbalance_cost_eur", "") in headlines
    assert ("line_loading_max_percent", "") in headlines
    assert not [of for _, of in headlines if of]  # parts differ between runs that are compared
    assert list(dict.fromkeys(kpi.group for kpi in kpis)) == ["Market", "Grid", "Energy"]


def test_record_without_rows_has_no_kpis(record: Any, rows: Any) -> None:
    empty = rows(signals={POWER: np.ones((0, 1))}, kinds={POWER: ("load", ["H1"])})
    assert compute_kpis(record(load=empty)) == []
