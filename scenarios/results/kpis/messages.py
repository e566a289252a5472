"""How much a coordination scheme has to communicate."""

import json
from typing import TYPE_CHECKING

import numpy as np

from gridloom.controllers.telemetry import MESSAGE_BYTES, MESSAGES
from gridloom.scenarios.results.kpis.decisions import controllers_of
from gridloom.scenarios.results.kpis.kpi import Indicator, Kpi
from gridloom.scenarios.results.recording import Recording
from gridloom.simulators.signals import POWER, POWER_SETPOINT, Signal

if TYPE_CHECKING:
    import xarray as xr

_SECONDS_PER_MINUTE = 60
_MESSAGES = Indicator(
    name="messages", unit="1", group="Coordination", label="messages between agents and devices"
)
_BYTES = Indicator(
    name="message_bytes", unit="byte", group="Coordination", label="payload of the messages"
)
_MESSAGE_RATE = Indicator(
    name="messages_per_device_and_minute",
    unit="min-1",
    group="Coordination",
    label="messages a controlled device",
)
_BYTE_RATE = Indicator(
    name="message_bytes_per_device_and_minute",
    unit="byte min-1",
    group="Coordination",
    label="payload of the messages a controlled device",
)


def message_kpis(record: "xr.DataTree") -> list[Kpi]:
    """Return what the controllers sent, in total and for each controlled device and minute.

    A controller that does not record its messages gives nothing: whether it needs none is not
    known. Devices are the elements of the simulator that it controls.
    """
    controllers = controllers_of(record)
    kpis: list[Kpi] = []
    for controller in controllers:
        of = controller.name if len(controllers) > 1 else ""
        devices = _controlled_devices(record, controller)
        minutes = len(controller.start) * controller.step_s / _SECONDS_PER_MINUTE
        for signal, sum_of, rate_of in (
            (MESSAGES, _MESSAGES, _MESSAGE_RATE),
            (MESSAGE_BYTES, _BYTES, _BYTE_RATE),
        ):
            if signal.name in controller:
                count = _total(controller, signal)
                kpis.append(sum_of.total(count, of))
                if devices:
                    kpis.append(rate_of.total(count / devices / minutes, of))
    return kpis


def _total(controller: Recording, signal: Signal) -> float:
    """Return the sum over all steps and senders."""
    return float(sum(np.nansum(block) for block in controller.blocks(signal.name)))


def _controlled_devices(record: "xr.DataTree", controller: Recording) -> int:
    """Return how many devices a controller has, 0 if the record does not say."""
    scenario = json.loads(record.attrs.get("scenario") or "{}")
    controls = scenario.get("controllers", {}).get(controller.name, {}).get("controls", "")
    controlled = record.children.get(controls)
    if controlled is not None and POWER.name in controlled:
        return int(controlled[POWER.name].shape[-1])
    if POWER_SETPOINT.name in controller:
        return int(controller.rows[POWER_SETPOINT.name].shape[-1])
    return 0
