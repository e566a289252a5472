"""What a tariff tells: prices of the next step, energy and cost since the start.

Energy is netted within each settlement period, so that within a period, until its end, what counts
as imported may still shrink.
"""

from gridloom.simulators.signals import Signal

IMPORT_PRICE = Signal(
    name="import_price_eur_per_mwh",
    unit="EUR/MWh",
    long_name="price paid for energy drawn in the next step",
    cell_method="point",
)
EXPORT_PRICE = Signal(
    name="export_price_eur_per_mwh",
    unit="EUR/MWh",
    long_name="price received for energy fed in in the next step",
    cell_method="point",
)
IMPORTED = Signal(
    name="imported_kwh",
    unit="kWh",
    long_name="energy drawn since the start, netted within each settlement period",
    cell_method="point",
)
EXPORTED = Signal(
    name="exported_kwh",
    unit="kWh",
    long_name="energy fed in since the start, netted within each settlement period",
    cell_method="point",
)
COST = Signal(
    name="cost_eur",
    unit="EUR",
    long_name="energy drawn and fed in since the start at the tariff's prices",
    positive="the customer pays",
    cell_method="point",
)
