"""What the MCU tells of each negotiation, to be recorded and settled."""

from gridloom.simulators.signals import Signal

BONUS = Signal(
    name="bonus_eur_per_mwh",
    unit="EUR/MWh",
    long_name="bonus of the negotiation: how far the local price is from the market's",
    each_step=True,
)
LOCAL_BUYING_PRICE = Signal(
    name="local_buying_price_eur_per_mwh",
    unit="EUR/MWh",
    long_name="paid by agents for consuming more than scheduled, or generating less",
)
LOCAL_SELLING_PRICE = Signal(
    name="local_selling_price_eur_per_mwh",
    unit="EUR/MWh",
    long_name="received by agents for consuming less than scheduled, or generating more",
)
EXPECTED_SURPLUS = Signal(
    name="expected_surplus_kw",
    unit="kW",
    long_name="what inflexible agents expect to leave over, against their schedules",
    positive="surplus: more generation or less consumption than scheduled",
    each_step=True,
)
REMAINING_SURPLUS = Signal(
    name="remaining_surplus_kw",
    unit="kW",
    long_name="what is left of it after the negotiation, to be sold, or bought if negative",
    positive="surplus: more generation or less consumption than scheduled",
    each_step=True,
)
