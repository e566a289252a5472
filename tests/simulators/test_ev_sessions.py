"""Charging sessions from lists and CSV files: times, defaults, and everything that can be wrong."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.ev_session_reader import read_sessions
from gridloom.simulators.ev_sessions import (
    FleetVehicle,
    Moment,
    Session,
    SessionFile,
    SessionTable,
    reachable_state_of_charge,
    whole_steps,
)
from gridloom.simulators.model import BuildContext
from gridloom.simulators.quantities import InputFile

POINTS = ("LOAD1", "LOAD2", "LOAD3")
VEHICLE = FleetVehicle(
    required_state_of_charge=0.8,
    state_of_charge_max=0.9,
    energy_capacity_kwh=40,
    rated_power_kw=7,
    charge_efficiency=1,
)
HEADER = "charging_point,arrival,departure,arrival_state_of_charge"


def context_of(folder: Path | None = None, start: datetime | None = None) -> BuildContext:
    return BuildContext(
        name="ev",
        start=start or datetime(2021, 3, 24, 16, tzinfo=timezone(timedelta(hours=1))),
        duration_s=3600,
        seed=1,
        folders=() if folder is None else (folder,),
        connection_points=POINTS,
    )


def session(**keys: Any) -> Session:
    return Session.model_validate(
        {
            "charging_point": "LOAD1",
            "arrival": "0s",
            "departure": "30min",
            "arrival_state_of_charge": 0.5,
            **keys,
        }
    )


def read(*sessions: Session, start: datetime | None = None) -> SessionTable:
    return read_sessions(sessions, POINTS, VEHICLE, context_of(start=start))


def problems(*sessions: Session) -> tuple[Problem, ...]:
    with pytest.raises(ScenarioError) as caught:
        read(*sessions)
    return caught.value.problems


def read_csv(folder: Path, *lines: str, **keys: Any) -> SessionTable:
    (folder / "sessions.csv").write_text("\n".join(lines), encoding="utf-8")
    source = SessionFile(file=InputFile("sessions.csv"), **keys)
    return read_sessions(source, POINTS, VEHICLE, context_of(folder))


def csv_problems(folder: Path, *lines: str, **keys: Any) -> list[str]:
    """Return the problems as users read them, with the folder left out."""
    with pytest.raises(ScenarioError) as caught:
        read_csv(folder, *lines, **keys)
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


class TestMoment:
    read = staticmethod(TypeAdapter(Moment).validate_python)
    write = staticmethod(TypeAdapter(Moment).dump_python)

    @pytest.mark.parametrize(
        ("text", "seconds"),
        [("0s", 0), ("0", 0), (0, 0), ("12min", 720), ("-1h", -3600), ("1h 30min", 5400)],
    )
    def test_durations_count_from_the_start(self, text: object, seconds: int) -> None:
        assert self.read(text) == seconds

    def test_timestamps_keep_their_zone(self) -> None:
        moment = self.read("2021-03-24T16:12:00+01:00")
        assert moment == datetime(2021, 3, 24, 15, 12, tzinfo=UTC)

    def test_naive_timestamps_are_refused(self) -> None:
        with pytest.raises(ValidationError, match="needs its time zone"):
            self.read("2021-03-24T16:12:00")

    @pytest.mark.parametrize("value", [720, "720", "noon", "", None, "--1h", "12 minutes", 1.5])
    def test_whatever_else_is_refused_with_examples(self, value: object) -> None:
        with pytest.raises(ValidationError, match="such as 0s or 12min, or a timestamp"):
            self.read(value)

    @pytest.mark.parametrize("text", ["0s", "12min", "-90min", "2021-03-24T16:12:00+01:00"])
    def test_what_is_written_reads_back(self, text: str) -> None:
        moment = self.read(text)
        assert self.read(self.write(moment, mode="json")) == moment


def test_a_list_becomes_a_table_ordered_by_arrival() -> None:
    table = read(
        session(charging_point="LOAD3", arrival="20min", arrival_state_of_charge=0.25),
        session(
            charging_point="LOAD2",
            arrival="-1h",
            departure="2021-03-24T16:12:00+01:00",
            required_state_of_charge=0.7,
            energy_capacity_kwh=30,
            rated_power_kw=11,
        ),
    )
    assert table.charging_point.tolist() == [1, 2]
    assert table.arrival_s.tolist() == [-3600, 1200]
    assert table.departure_s.tolist() == [720, 1800]
    assert table.arrival_state_of_charge.tolist() == [0.5, 0.25]
    # What the second leaves out comes from the fleet's vehicle.
    assert table.required_state_of_charge.tolist() == [0.7, 0.8]
    assert table.energy_capacity_kwh.tolist() == [30, 40]
    assert table.rated_power_kw.tolist() == [11, 7]


def test_an_empty_list_is_an_empty_table() -> None:
    assert len(read()) == 0


def test_time_passes_when_the_clock_is_put_forward() -> None:
    # In Berlin 2021-03-28, 02:00 is followed by 03:00: from 01:30 to 03:30 one hour passes.
    berlin = ZoneInfo("Europe/Berlin")
    begin = datetime(2021, 3, 28, 1, 30, tzinfo=berlin)
    one = session(departure=datetime(2021, 3, 28, 3, 30, tzinfo=berlin))
    assert read(one, start=begin).departure_s.tolist() == [3600]


def test_back_to_back_is_no_overlap() -> None:
    table = read(session(departure="10min"), session(arrival="10min"))
    assert table.arrival_s.tolist() == [0, 600]


def test_departure_before_arrival_is_named_with_its_place() -> None:
    (problem,) = problems(session(charging_point="LOAD2"), session(arrival="1h", departure="1h"))
    assert problem.key == ("sessions", 1, "departure")
    assert problem.message == ("the departure (1h after the start) is not after the arrival (1h)")


def test_overlap_is_named_whatever_the_order_in_the_list() -> None:
    (problem,) = problems(
        session(arrival="20min", departure="40min"), session(arrival="0s", departure="30min")
    )
    assert problem.key == ("sessions", 0, "arrival")
    assert "'LOAD1' is still occupied, until 30min" in problem.message


def test_an_unknown_charging_point_gets_the_nearest_name() -> None:
    (problem,) = problems(session(charging_point="LOAD33"))
    assert problem.key == ("sessions", 0, "charging_point")
    assert problem.suggestion == "did you mean 'LOAD3'?"
    assert problem.expected == "one of LOAD1, LOAD2, LOAD3"


def test_more_than_the_battery_may_hold_cannot_be_required() -> None:
    (problem,) = problems(session(required_state_of_charge=0.95))
    assert problem.key == ("sessions", 0, "required_state_of_charge")
    assert problem.expected == "at most 0.9"


def test_all_problems_of_a_list_are_reported_at_once() -> None:
    found = problems(
        session(charging_point="somewhere"),
        session(arrival="2h"),
        session(charging_point="LOAD2"),
        session(charging_point="LOAD2", arrival="10min", required_state_of_charge=1),
    )
    assert [problem.key for problem in found] == [
        ("sessions", 0, "charging_point"),
        ("sessions", 1, "departure"),
        ("sessions", 3, "arrival"),
        ("sessions", 3, "required_state_of_charge"),
    ]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("arrival_state_of_charge", 80),
        ("arrival_state_of_charge", float("nan")),
        ("required_state_of_charge", -0.1),
        ("energy_capacity_kwh", -30),
        ("rated_power_kw", 0),
        ("rated_power_kw", float("inf")),
    ],
)
def test_impossible_numbers_are_refused(key: str, value: float) -> None:
    with pytest.raises(ValidationError, match=key):
        session(**{key: value})


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(ValidationError, match="arival"):
        session(arival="0s")


class TestCsv:
    def test_columns_come_in_any_order_and_cells_may_be_empty(self, tmp_path: Path) -> None:
        table = read_csv(
            tmp_path,
            "departure, charging_point, arrival_state_of_charge, arrival, rated_power_kw",
            "30min, LOAD2, 0.5, 2021-03-24T16:05:00+01:00, 11",
            "",
            '"1h",LOAD1,0.25,-5min,',
        )
        assert table.charging_point.tolist() == [0, 1]
        assert table.arrival_s.tolist() == [-300, 300]
        assert table.departure_s.tolist() == [3600, 1800]
        assert table.rated_power_kw.tolist() == [7, 11]

    def test_what_spreadsheets_write_is_understood(self, tmp_path: Path) -> None:
        text = f"\ufeff{HEADER}\r\nLOAD1,0s,30min,0.5\r\n".replace(",", ";")
        (tmp_path / "excel.csv").write_bytes(text.encode())
        source = SessionFile(file=InputFile("excel.csv"), delimiter=";")
        table = read_sessions(source, POINTS, VEHICLE, context_of(tmp_path))
        assert table.departure_s.tolist() == [1800]

    def test_the_wrong_delimiter_is_guessed(self, tmp_path: Path) -> None:
        (text,) = csv_problems(tmp_path, HEADER.replace(",", ";"), "LOAD1;0s;30min;0.5")
        assert text == (
            "sessions.csv:1:1: sessions.file: the header is a single column\n"
            "  hint: add delimiter: ';'"
        )

    def test_a_missing_file_is_named(self) -> None:
        with pytest.raises(ScenarioError, match=r"sessions\.file: file 'nowhere\.csv' does not"):
            read_sessions(SessionFile(file=InputFile("nowhere.csv")), POINTS, VEHICLE, context_of())

    def test_an_empty_file_is_refused(self, tmp_path: Path) -> None:
        (text,) = csv_problems(tmp_path, "")
        assert "sessions.csv:1:1: sessions.file: the file is empty" in text

    def test_a_file_without_rows_is_refused(self, tmp_path: Path) -> None:
        (text,) = csv_problems(tmp_path, HEADER)
        assert "there are no rows below the header" in text

    def test_a_file_that_is_no_text_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "photo.csv").write_bytes(b"\xff\xd8\xff\xe0\n\x00")
        source = SessionFile(file=InputFile("photo.csv"))
        with pytest.raises(ScenarioError, match="expected: a CSV file in UTF-8"):
            read_sessions(source, POINTS, VEHICLE, context_of(tmp_path))

    def test_wrong_columns_are_named_all_at_once(self, tmp_path: Path) -> None:
        found = csv_problems(tmp_path, "charging_point,arival,departure,departure", "a,b,c,d")
        assert [text.split("sessions.file: ")[1].split("\n")[0] for text in found] == [
            "columns given twice: departure",
            "unknown column 'arival'",
            "no column for arrival, arrival_state_of_charge",
        ]
        assert "did you mean 'arrival'?" in found[1]

    def test_every_wrong_row_is_named_with_its_line_at_once(self, tmp_path: Path) -> None:
        found = csv_problems(
            tmp_path,
            HEADER,
            "LOAD1,0s,30min,80",
            "LOAD2,2021-03-24T16:00:00,30min,0.5",
            "LOAD2,,30min,half",
            "LOAD3,0s,30min,0.5,0.9",
            "LOAD4,0s,30min,0.5",
            "LOAD3,1h,30min,0.5",
            '"LOAD1\n",0s,20min,0.5',
            "LOAD1,10min,50min,0.5",
        )
        lines = [text.split("\n")[0] for text in found]
        where = "sessions.file"
        assert lines == [
            (
                f"sessions.csv:2:1: {where}: column 'arrival_state_of_charge' has '80': "
                "input should be less than or equal to 1"
            ),
            (
                f"sessions.csv:3:1: {where}: column 'arrival' has '2021-03-24T16:00:00': "
                "a timestamp needs its time zone, such as 2021-03-24T16:12:00+01:00"
            ),
            f"sessions.csv:4:1: {where}: column 'arrival' is empty",
            (
                f"sessions.csv:4:1: {where}: column 'arrival_state_of_charge' has 'half': "
                "input should be a valid number, unable to parse string as a number"
            ),
            f"sessions.csv:5:1: {where}: the row has 5 cells, the header 4",
            f"sessions.csv:6:1: {where}: 'LOAD4' is not a charging point of this fleet",
            (
                f"sessions.csv:7:1: {where}: the departure (30min after the start) is not after "
                "the arrival (1h)"
            ),
            (
                f"sessions.csv:10:1: {where}: at the arrival (10min after the start) charging "
                "point 'LOAD1' is still occupied, until 20min"
            ),
        ]
        assert "did you mean 0.8?" in found[0]


def table_of(*stays: tuple[float, float]) -> SessionTable:
    n = len(stays)
    return SessionTable(
        charging_point=np.arange(n),
        arrival_s=np.array([arrival for arrival, _ in stays], dtype=float),
        departure_s=np.array([departure for _, departure in stays], dtype=float),
        arrival_state_of_charge=np.full(n, 0.5),
        required_state_of_charge=np.full(n, 0.8),
        energy_capacity_kwh=np.full(n, 40.0),
        rated_power_kw=np.full(n, 8.0),
    )


def test_vehicles_take_part_in_whole_steps() -> None:
    # By hand, steps of 60 s: a stay that holds no whole step ends where it begins.
    begin, end = whole_steps(
        table_of((0, 720), (1, 725), (60, 120), (61, 119), (59, 61), (-10, 30)), 60
    )
    assert begin.tolist() == [0, 60, 60, 120, 60, 0]
    assert end.tolist() == [720, 720, 120, 120, 60, 0]


def test_reachable_is_what_rated_power_adds_from_the_start_on() -> None:
    # By hand: 8 kW for 1 h of 40 kWh at efficiency 1 is 0.2; the hour before the start is over.
    reached = reachable_state_of_charge(table_of((-3600, 3600), (0, 3600), (30, 89)), VEHICLE, 60)
    np.testing.assert_allclose(reached, [0.7, 0.7, 0.5])
