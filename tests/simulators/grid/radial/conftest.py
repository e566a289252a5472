"""Networks and comparisons that the tests of the radial engine share."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pandapower
import pytest

from gridloom.simulators.grid.engine import PowerFlowSolution

AssertAgree: TypeAlias = Callable[..., None]
RadialNet: TypeAlias = Callable[..., Any]

_CABLE = {
    "length_km": 0.5,
    "r_ohm_per_km": 0.4,
    "x_ohm_per_km": 0.1,
    "c_nf_per_km": 250.0,
    "r0_ohm_per_km": 1.6,
    "x0_ohm_per_km": 0.4,
    "c0_nf_per_km": 120.0,
    "g_us_per_km": 3.0,
    "max_i_ka": 0.2,
}


def add_line(net: Any, one: int, other: int, **keys: Any) -> int:
    return int(pandapower.create_line_from_parameters(net, one, other, **{**_CABLE, **keys}))


@pytest.fixture(scope="session")
def assert_agree() -> AssertAgree:
    """Compare solutions: voltages in pu, the rest relative or, where small, in A, kW and percent.

    Where nothing flows power-grid-model finds up to 1e-7 A: it multiplies differences of voltages.
    """

    def compare(
        found: PowerFlowSolution,
        expected: PowerFlowSolution,
        *,
        pu: float = 1e-8,
        other: float = 1e-6,
    ) -> None:
        for name, values in vars(expected).items():
            relative, absolute = (0.0, pu) if name == "bus_voltage_pu" else (other / 100, other)
            actual = getattr(found, name)
            np.testing.assert_allclose(actual, values, rtol=relative, atol=absolute, err_msg=name)

    return compare


@pytest.fixture(scope="session")
def radial_net() -> RadialNet:
    """Build 20 kV cables and a 20/0.4 kV transformer, with everything a radial network can have."""

    def build(group: str = "Dyn", shift: float = 150.0, *, switches: int = 0, **keys: Any) -> Any:
        net = pandapower.create_empty_network()
        grid, ring, high, low, end, beside, stub = (
            pandapower.create_bus(net, vn_kv=kv) for kv in (20, 20, 20, 0.4, 0.4, 0.4, 0.4)
        )
        pandapower.create_ext_grid(net, grid, vm_pu=1.01, va_degree=5, s_sc_max_mva=90, rx_max=0.4)
        add_line(net, grid, ring, length_km=6.0, parallel=2)
        add_line(net, high, ring, length_km=3.0)  # against the flow
        values: dict[str, Any] = {"sn_mva": 0.4, "vn_hv_kv": 20.3, "vn_lv_kv": 0.41, "parallel": 2}
        values |= {"vk_percent": 4.0, "vkr_percent": 1.1, "pfe_kw": 1.3, "i0_percent": 0.9}
        values |= {"tap_pos": 1, "tap_neutral": 0, "tap_step_percent": 2.5, "tap_side": "hv"}
        values |= {"tap_min": -2, "tap_max": 2, "tap_changer_type": "Ratio", "vector_group": group}
        values |= {"shift_degree": shift, **keys}
        pandapower.create_transformer_from_parameters(net, high, low, **values)
        add_line(net, low, end, parallel=2)
        for _ in range(switches):  # the second one bridges the first
            pandapower.create_switch(net, end, beside, et="b")
        if not switches:
            add_line(net, end, beside, length_km=0.01)
        add_line(net, beside, stub, length_km=0.3)
        # cables that would close loops, each open at one end; a bus that has no supply
        for one, other, opened in ((low, stub, stub), (ring, high, ring)):
            cable = add_line(net, one, other)
            pandapower.create_switch(net, opened, cable, et="l", closed=False)
        dark = pandapower.create_bus(net, vn_kv=0.4)
        pandapower.create_switch(net, low, add_line(net, low, dark), et="l", closed=False)
        pandapower.create_shunt(net, high, q_mvar=-0.02, p_mw=0.001)
        pandapower.create_ward(net, end, ps_mw=0.004, qs_mvar=0.001, pz_mw=0.003, qz_mvar=0.002)
        for phase in "abc":
            pandapower.create_asymmetric_load(net, end, name=phase, **{f"p_{phase}_mw": 0.002})
        pandapower.create_load(net, beside, p_mw=0.01, q_mvar=0.002, name="workshop")
        pandapower.create_load(net, ring, p_mw=0.05, q_mvar=0.02, name="factory")
        pandapower.create_load(net, dark, p_mw=0.001, name="dark")
        pandapower.create_sgen(net, beside, p_mw=0.006, q_mvar=-0.001)
        pandapower.create_asymmetric_sgen(net, end, p_b_mw=0.001)
        pandapower.create_storage(net, low, p_mw=0.003, max_e_mwh=0.01, name="battery")
        return net

    return build
