"""Quantities of heated buildings."""

from gridloom.simulators.signals import Signal

INDOOR_TEMPERATURE = Signal(
    name="indoor_temperature_c",
    unit="degC",
    long_name="temperature of the indoor air, at the end of the step",
    cell_method="point",
)
MASS_TEMPERATURE = Signal(
    name="mass_temperature_c",
    unit="degC",
    long_name="temperature of the building's mass (1R1C: of all of it), at the end of the step",
    cell_method="point",
)
TEMPERATURE_LIMIT_LOW = Signal(
    name="temperature_limit_low_c",
    unit="degC",
    long_name="lowest comfortable indoor temperature",
)
TEMPERATURE_LIMIT_HIGH = Signal(
    name="temperature_limit_high_c",
    unit="degC",
    long_name="highest comfortable indoor temperature",
)
OUTDOOR_TEMPERATURE = Signal(
    name="outdoor_temperature_c", unit="degC", long_name="temperature of the outdoor air"
)
HEAT = Signal(
    name="heat_kw",
    unit="kW",
    long_name="heat that the heat pump delivers",
    positive="into the building",
)
HEAT_GAIN = Signal(
    name="heat_gain_kw",
    unit="kW",
    long_name="heat from people, appliances and the sun",
    positive="into the building",
)
COEFFICIENT_OF_PERFORMANCE = Signal(
    name="coefficient_of_performance",
    unit="1",
    long_name="heat delivered over electricity drawn",
)
