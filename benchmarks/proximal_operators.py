"""How long proximal operators take: microseconds per device and answer, on one core.

    python benchmarks/proximal_operators.py [--devices 100000] [--rounds 60]

A community of the usual mix negotiates a day of quarter hours by tree-sharing ADMM over feeders of
about 250 devices, half of which are congested; so what is asked changes from round to round as in
earnest. Only the operators are timed, in CPU time. Of the columns:

    cold     the first answers, of which nothing is known
    2 .. n   rounds
    mean     over all rounds
    free     answers to prices alone (penalty 0), as for a bound
    floor    reading and writing the profiles, which no operator can avoid

The last row is the mean of the mix. Below it, how close the profiles of the last round are to those
of devices that remember nothing.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from time import thread_time

import numpy as np

from gridloom.controllers.proximal.batteries import Batteries, Stays
from gridloom.controllers.proximal.curtailable import Curtailable
from gridloom.controllers.proximal.deferrable import Deferrable
from gridloom.controllers.proximal.heat_pumps import HeatPumps
from gridloom.controllers.proximal.population import (
    IntArray,
    LeafTotals,
    Population,
    ProximalRequest,
)
from gridloom.simulators.model import FloatArray

T, DT = 96, 0.25
HOUR = np.arange(T) * DT
SUN = np.clip(np.sin((HOUR - 6.0) / 12.0 * np.pi), 0.0, None) ** 1.5
BAR_US = 3.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args()
    _negotiate(_community(1_000), 2)  # compiles
    community = _community(options.devices)
    _negotiate(community, options.rounds)
    print(f"{options.devices} devices, microseconds per device and answer")
    shown = [number for number in (1, 2, 5, 10, 20, 40) if number < options.rounds]
    print(
        f"{'':>12} {'share %':>7} {'cold':>7}",
        *(f"{number + 1:>6}" for number in shown),
        f"{'mean':>6} {'free':>6} {'floor':>6}",
    )
    whole = 0.0
    for member in community.members:
        share = member.population.count / options.devices
        mean = float(np.mean(member.taken_us))
        whole += share * mean
        print(
            f"{member.name:>12} {100 * share:7.0f} {member.taken_us[0]:7.2f}",
            *(f"{member.taken_us[number]:6.2f}" for number in shown),
            f"{mean:6.2f} {_free(community, member):6.2f} {_floor(member):6.2f}",
        )
    print(f"{'mix':>12} {100:7} {whole:{24 + 7 * len(shown)}.2f}   (bar: {BAR_US} us)")
    for member in community.members:
        print(f"{member.name:>12} remembering or not: {_difference(community, member):.1e} kW")
    return int(whole >= BAR_US)


@dataclass
class Member:
    """Devices of one kind."""

    name: str
    population: Population
    leaf: IntArray
    profile_kw: FloatArray
    taken_us: list[float] = field(default_factory=list)


@dataclass
class Community:
    """Feeders below one connection to the grid."""

    members: list[Member]
    fixed_kw: FloatArray
    """(L, T)"""
    buying: FloatArray
    """(T,), EUR/kW of an interval."""
    selling: FloatArray
    request: ProximalRequest
    devices: FloatArray
    """(L, 1)"""
    limit_kw: FloatArray
    """(L, 1), of the exchange of each feeder."""


def _community(count: int) -> Community:
    rng = np.random.default_rng(1)
    leaves = max(1, count // 250)
    members = []
    for name, share, make in MIX:
        devices = round(share * count)
        leaf = np.sort(rng.integers(0, leaves, devices))
        members.append(Member(name, make(rng, devices), leaf, np.zeros((devices, T))))
    each = sum(np.bincount(member.leaf, minlength=leaves) for member in members)
    evening = 1.0 + 0.8 * np.exp(-((HOUR - 19.0) ** 2) / 6.0)
    fixed = rng.normal(0.4, 0.05, (leaves, T)) * evening * (count / 2.5 / leaves)
    buying = DT * (0.25 + 0.08 * np.sin((HOUR - 13.0) / 6.0 * np.pi) + 0.02 * rng.normal(size=T))
    limit = rng.choice([1.0, 10.0], (leaves, 1)) * fixed.max(axis=1, keepdims=True)
    request = ProximalRequest(
        price_eur_per_kw=np.tile(buying, (leaves, 1)),
        target_kw=np.zeros((leaves, T)),
        penalty_eur_per_kw2=float(buying.mean()) / 3.0,
    )
    devices = np.maximum(np.asarray(each, float)[:, None], 1.0)
    return Community(members, fixed, buying, np.full(T, 0.08 * DT), request, devices, limit)


def _negotiate(community: Community, rounds: int) -> None:
    """Share by ADMM: each feeder's devices move together, prices meet at the connection."""
    request, devices, rho = community.request, community.devices, 0.0
    for _ in range(rounds):
        rho = request.penalty_eur_per_kw2
        totals = LeafTotals.zeros(*community.fixed_kw.shape)
        for member in community.members:
            start = thread_time()
            member.population.respond(request, member.leaf, member.profile_kw, totals)
            member.taken_us.append(1e6 * (thread_time() - start) / member.population.count)
        drawn = community.fixed_kw + totals.power_kw
        wanted = drawn + devices * request.price_eur_per_kw / rho
        between = rho * wanted.sum(axis=0) / devices.sum()
        price = np.clip(between, community.selling, community.buying)
        limit = community.limit_kw
        given = np.clip(wanted - devices * price / rho, -limit, limit)
        missing = (drawn - given) / devices
        request = ProximalRequest(
            price_eur_per_kw=request.price_eur_per_kw + rho * missing,
            target_kw=-missing,
            penalty_eur_per_kw2=rho,
        )
    community.request = request


def _free(community: Community, member: Member) -> float:
    """Return how long answers to prices alone take."""
    request = ProximalRequest(
        price_eur_per_kw=community.request.price_eur_per_kw,
        target_kw=community.request.target_kw,
        penalty_eur_per_kw2=0.0,
    )
    profile, totals = np.zeros_like(member.profile_kw), LeafTotals.zeros(*request.target_kw.shape)
    some = slice(0, min(2, member.population.count))
    member.population.respond(request, member.leaf, profile, totals, devices=some)  # compiles
    start = thread_time()
    member.population.respond(request, member.leaf, profile, totals)
    return 1e6 * (thread_time() - start) / member.population.count


def _floor(member: Member) -> float:
    """Return how long it takes to read and write the profiles."""
    profile = member.profile_kw.copy()
    start = thread_time()
    np.multiply(profile, 1.0, out=profile)
    return 1e6 * (thread_time() - start) / len(profile)


def _difference(community: Community, member: Member) -> float:
    """Return how far answers are from those of devices that remember nothing."""
    answers = [member.profile_kw.copy(), member.profile_kw.copy()]
    for answer in answers:
        totals = LeafTotals.zeros(*community.fixed_kw.shape)
        member.population.respond(community.request, member.leaf, answer, totals)
        member.population.forget()
    return float(np.abs(answers[0] - answers[1]).max(initial=0.0))


def _plants(rng: np.random.Generator, count: int) -> Population:
    available = rng.uniform(2.0, 8.0, (count, 1)) * SUN * rng.uniform(0.6, 1.0, (count, T))
    return Curtailable(
        available_kw=available.astype(np.float32),
        cost_eur_per_kwh=np.full(count, 0.01),
        interval_h=DT,
    )


def _batteries(rng: np.random.Generator, count: int) -> Population:
    upper = rng.uniform(5.0, 13.0, count)
    return Batteries(
        charge_kw=upper / 2.0,
        discharge_kw=upper / 2.0,
        charge_efficiency=rng.uniform(0.93, 0.97, count),
        discharge_efficiency=rng.uniform(0.93, 0.97, count),
        lower_kwh=np.zeros(count),
        upper_kwh=upper,
        initial_kwh=0.3 * upper,
        wear_eur_per_kwh=np.full(count, 0.01),
        stays=Stays.always(0.3 * upper, T),
        intervals=T,
        interval_h=DT,
    )


def _two_way_vehicles(rng: np.random.Generator, count: int) -> Population:
    upper, trip = rng.uniform(40.0, 80.0, count), rng.uniform(4.0, 20.0, count)
    leaves, back = rng.integers(24, 36, count), rng.integers(60, 76, count)
    start, end = np.zeros(count, np.int64), np.full(count, T)
    stays = Stays(
        first=2 * np.arange(count + 1),
        begin=np.stack((start, back), axis=1).ravel(),
        end=np.stack((leaves, end), axis=1).ravel(),
        required_kwh=np.stack((0.8 * upper, 0.5 * upper), axis=1).ravel(),
        trip_kwh=np.stack((trip, 0.0 * trip), axis=1).ravel(),
    )
    return Batteries(
        charge_kw=np.full(count, 11.0),
        discharge_kw=np.full(count, 11.0),
        charge_efficiency=np.full(count, 0.95),
        discharge_efficiency=np.full(count, 0.95),
        lower_kwh=0.1 * upper,
        upper_kwh=upper,
        initial_kwh=upper * rng.uniform(0.2, 0.6, count),
        wear_eur_per_kwh=np.full(count, 0.03),
        stays=stays,
        intervals=T,
        interval_h=DT,
    )


def _one_way_vehicles(rng: np.random.Generator, count: int) -> Population:
    return Deferrable(
        rated_power_kw=np.full(count, 11.0),
        energy_kwh=rng.uniform(4.0, 30.0, count),
        release=rng.uniform(56.0, 76.0, count),
        deadline=np.full(count, float(T)),
        intervals=T,
        interval_h=DT,
    )


def _heat_pumps(rng: np.random.Generator, count: int) -> Population:
    """COP over the temperature difference: Staffell et al. 2012, air source."""
    loss = rng.uniform(0.08, 0.3, count)
    night = (HOUR < 6.0) | (HOUR >= 22.0)  # noqa: PLR2004
    outdoor = 3.0 - 4.0 * np.cos((HOUR - 3.0) / 12.0 * np.pi)
    return HeatPumps.from_building(
        rated_power_kw=loss * 12.0 * rng.uniform(1.0, 1.6, count),
        heat_loss_kw_per_k=loss,
        heat_capacity_kwh_per_k=rng.uniform(4.0, 15.0, count),
        gain_share=rng.uniform(0.5, 1.5, count),
        initial_c=rng.uniform(19.5, 21.5, count),
        limits=np.zeros(count, np.int64),
        lower_c=np.where(night, 18.0, 20.0)[None],
        upper_c=np.full((1, T), 22.5),
        outdoor_c=outdoor,
        heat_gain_kw=0.2 + 0.2 * (HOUR > 17.0) + 0.3 * SUN,  # noqa: PLR2004
        cop=6.81 - 0.121 * (40.0 - outdoor) + 0.00063 * (40.0 - outdoor) ** 2,
        interval_h=DT,
    )


def _appliances(rng: np.random.Generator, count: int) -> Population:
    release = rng.uniform(0.0, 60.0, count)
    return Deferrable(
        rated_power_kw=rng.uniform(1.0, 3.0, count),
        energy_kwh=rng.uniform(0.5, 3.0, count),
        release=release,
        deadline=release + rng.uniform(8.0, 36.0, count),
        intervals=T,
        interval_h=DT,
    )


MIX: list[tuple[str, float, Callable[[np.random.Generator, int], Population]]] = [
    ("curtailable", 0.25, _plants),
    ("batteries", 0.20, _batteries),
    ("V2G", 0.10, _two_way_vehicles),
    ("V1G", 0.10, _one_way_vehicles),
    ("heat pumps", 0.20, _heat_pumps),
    ("deferrable", 0.15, _appliances),
]


if __name__ == "__main__":
    raise SystemExit(main())
