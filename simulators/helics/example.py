"""A fleet of electric vehicles as a federate of HELICS, written as a user would write it.

It knows nothing of gridloom: it needs Python and the package `helics` only. Vehicles charge at
their charging points with the power they are asked for, as far as their batteries allow.

    python -m gridloom.simulators.helics.example --broker tcp://127.0.0.1:23404 \
        --sessions sessions.csv --step 60 --until 10800

Publications, all of them before time 0 and then at each step (NAME: charging point's name):
    ev/NAME/P           W, charging power from now to the next step
    ev/plugged_in       vector: 1 where a vehicle is plugged in during this step, else 0
    ev/state_of_charge  vector: at the end of this step, NaN where there is no vehicle
    ev/P_max            vector, W: highest power possible in the next step
    ev/E_required       vector, Wh: energy still to be drawn from the next step on
Subscriptions:
    ev/NAME/P_set       W, charging power asked for
"""

import argparse
import csv
import math
from pathlib import Path

EFFICIENCY = 0.95
SECONDS_PER_HOUR = 3600.0


class ChargingPoint:
    """One charging point and the vehicles that come to it one after the other."""

    def __init__(self, name: str, sessions: list[dict[str, str]], step_s: int) -> None:
        self.name = name
        self._sessions = sessions
        self._step_s = step_s
        self._session: dict[str, str] | None = None
        self.state_of_charge = math.nan

    def plug(self, time_s: int) -> None:
        """See who is plugged in during the step that begins now."""
        session = next((s for s in self._sessions if self._stays(s, time_s)), None)
        if session is not self._session:
            self._session = session
            self.state_of_charge = (
                float(session["arrival_state_of_charge"]) if session else math.nan
            )

    def _stays(self, session: dict[str, str], time_s: int) -> bool:
        """Whether a vehicle is there during the whole step."""
        arrival_s, departure_s = seconds(session["arrival"]), seconds(session["departure"])
        return arrival_s <= time_s and time_s + self._step_s <= departure_s

    @property
    def plugged_in(self) -> bool:
        """Whether a vehicle is there."""
        return self._session is not None

    @property
    def power_max_w(self) -> float:
        """Highest power that the battery can take for one step."""
        if self._session is None:
            return 0.0
        capacity_wh = 1000 * float(self._session["energy_capacity_kwh"])
        room_wh = max(1.0 - self.state_of_charge, 0.0) * capacity_wh
        room_w = room_wh / EFFICIENCY * SECONDS_PER_HOUR / self._step_s
        return min(1000 * float(self._session["rated_power_kw"]), room_w)

    @property
    def energy_required_wh(self) -> float:
        """Energy to be drawn until the required state of charge."""
        if self._session is None:
            return 0.0
        capacity_wh = 1000 * float(self._session["energy_capacity_kwh"])
        missing = max(float(self._session["required_state_of_charge"]) - self.state_of_charge, 0.0)
        return missing * capacity_wh / EFFICIENCY

    def charge(self, power_w: float) -> float:
        """Charge for one step; return the power that was possible."""
        power_w = min(max(power_w, 0.0), self.power_max_w)
        if self._session is not None:
            capacity_wh = 1000 * float(self._session["energy_capacity_kwh"])
            stored_wh = power_w * EFFICIENCY * self._step_s / SECONDS_PER_HOUR
            self.state_of_charge += stored_wh / capacity_wh
        return power_w


def seconds(text: str) -> int:
    """Read '900s'."""
    return int(text.removesuffix("s"))


def read_points(path: Path, step_s: int) -> list[ChargingPoint]:
    """Read the charging points and their sessions from a CSV file."""
    sessions: dict[str, list[dict[str, str]]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            sessions.setdefault(row["charging_point"], []).append(row)
    return [ChargingPoint(name, rows, step_s) for name, rows in sessions.items()]


def run(points: list[ChargingPoint], options: argparse.Namespace) -> None:
    """Take part in the federation from beginning to end."""
    import helics as h

    info = h.helicsCreateFederateInfo()
    h.helicsFederateInfoSetCoreTypeFromString(info, options.core_type)
    h.helicsFederateInfoSetCoreInitString(info, f"--federates=1 --broker={options.broker}")
    # Only then does a request end at the time that was requested, not when a value comes.
    h.helicsFederateInfoSetFlagOption(info, h.HELICS_FLAG_UNINTERRUPTIBLE, True)  # noqa: FBT003
    federate = h.helicsCreateValueFederate(options.name, info)

    number, vector = h.HELICS_DATA_TYPE_DOUBLE, h.HELICS_DATA_TYPE_VECTOR
    register = h.helicsFederateRegisterGlobalPublication
    power = [register(federate, f"ev/{point.name}/P", number, "W") for point in points]
    plugged_in = register(federate, "ev/plugged_in", vector, "")
    state_of_charge = register(federate, "ev/state_of_charge", vector, "")
    power_max = register(federate, "ev/P_max", vector, "W")
    energy_required = register(federate, "ev/E_required", vector, "Wh")
    setpoints = [
        h.helicsFederateRegisterSubscription(federate, f"ev/{point.name}/P_set", "W")
        for point in points
    ]

    def tell_end_of_step() -> None:
        h.helicsPublicationPublishVector(plugged_in, [float(p.plugged_in) for p in points])
        h.helicsPublicationPublishVector(state_of_charge, [p.state_of_charge for p in points])

    def tell_next_step(time_s: int) -> None:
        for point in points:
            point.plug(time_s)
        h.helicsPublicationPublishVector(power_max, [p.power_max_w for p in points])
        h.helicsPublicationPublishVector(energy_required, [p.energy_required_wh for p in points])

    h.helicsFederateEnterInitializingMode(federate)
    tell_next_step(0)
    tell_end_of_step()
    for publication in power:
        h.helicsPublicationPublishDouble(publication, 0.0)
    h.helicsFederateEnterExecutingMode(federate)
    for time_s in range(0, options.until, options.step):
        if time_s > 0:
            h.helicsFederateRequestTime(federate, float(time_s))
        for point, setpoint, publication in zip(points, setpoints, power, strict=True):
            drawn_w = point.charge(h.helicsInputGetDouble(setpoint))
            h.helicsPublicationPublishDouble(publication, drawn_w)
        tell_end_of_step()
        tell_next_step(time_s + options.step)
    h.helicsFederateRequestTime(federate, float(options.until))
    h.helicsFederateDisconnect(federate)


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description="an EV fleet as a federate of HELICS")
    parser.add_argument("--broker", required=True, help="address, as in tcp://127.0.0.1:23404")
    parser.add_argument("--core-type", default="zmq")
    parser.add_argument("--name", default="ev_fleet", help="name of the federate")
    parser.add_argument("--sessions", type=Path, required=True, help="CSV file")
    parser.add_argument("--step", type=int, required=True, help="seconds")
    parser.add_argument("--until", type=int, required=True, help="seconds")
    options = parser.parse_args()
    run(read_points(options.sessions, options.step), options)


if __name__ == "__main__":
    main()
