"""The tables of `drive_scale`, and what they say of a hundred million devices."""

from typing import Any

from synthetic_devices import INTERVALS

PARTS = 2
"""Threads, or processes, to share the work."""
FUTURE_DEVICES = 100_000_000
FUTURE_CORES = 1_000
LINK_GBIT_PER_S = 10

Measured = dict[str, Any]

HEADER = (
    f"{'':>36}|{'to 1 %':^37}|{'to 0.1 %':^22}|{'HiGHS':^24}|{'literal to 1 %'}\n"
    f"{'houses':>8} {'devices':>9} {'asked':>8} {'MB':>7} |"
    f"{'rounds':>7} {'gap %':>6} {'CPU s':>7} {'us each':>7} {'nets':>6} |"
    f"{'rounds':>7} {'gap %':>6} {'CPU s':>6} |{'CPU s':>9} {'to 1 %':>6} {'0.1 %':>6} |"
    f"{'rounds':>7} {'CPU s':>6}"
)
PARALLEL_HEADER = (
    f"{'houses':>8} wall s to 1 %: {'1 thread':>8} {PARTS:>3} threads {PARTS:>3} processes "
    f"{'the same':>9} {'bytes a feeder and round':>25}"
)


def size_row(row: Measured) -> str:
    """Return what one size took."""
    size = f"{row['houses']:>8,} {row['devices']:>9,} {row['asked']:>8,} {row['peak_mb']:>7,.0f} "
    each_us = 1e6 * row["cpu_s"] / row["asked"] / row["rounds"]
    percent = f"{row['rounds']:>7} {100 * row['gap']:>6.2f} {row['cpu_s']:>7.2f} {each_us:>7.2f} "
    percent += f"{row['nets_cpu_s'] / row['cpu_s']:>6.0%} "
    thorough = literal = best = ""
    if "thorough" in row:
        rounds, gap, cpu_s = (row["thorough"][key] for key in ("rounds", "gap", "cpu_s"))
        thorough = f"{rounds:>7} {100 * gap:>6.3f} {cpu_s:>6.2f} "
    if "highs" in row:
        cpu_s, optimal = row["highs"]["cpu_s"], row["highs"]["status"] == "optimal"
        ratios = (cpu_s / row["cpu_s"], cpu_s / row["thorough"]["cpu_s"])
        best = f"{'' if optimal else '>'}{cpu_s:.2f}".rjust(9)
        best += "".join(f" {ratio:>5.0f}x" for ratio in ratios) + " "
    if "literal" in row:
        literal = f"{row['literal']['rounds']:>7} {row['literal']['cpu_s']:>6.2f}"
    return f"{size}|{percent}|{thorough:>22}|{best:>24}|{literal}"


def parallel_row(row: Measured) -> str:
    """Return what threads and processes make of it."""
    together, apart = row["threads"], row["processes"]
    same = all(
        way["rounds"] == row["rounds"] and way["cost_eur"] == row["cost_eur"]
        for way in (together, apart)
    )
    return (
        f"{row['houses']:>8,} {row['wall_s']:>23.2f} {together['wall_s']:>11.2f} "
        f"{apart['wall_s']:>13.2f} {'yes' if same else 'NO':>9} {_bytes_each(row):>25,.0f}"
    )


def _bytes_each(row: Measured) -> float:
    """Return what is sent for a feeder in a round, both ways."""
    return float(row["processes"]["sent_bytes"] / row["feeders"] / row["rounds"])


def outlook(rows: list[Measured], gap: float) -> list[str]:
    """Estimate a hundred million devices from the largest district that was measured."""
    first, last = rows[0], rows[-1]
    many = FUTURE_DEVICES / last["devices"]
    nets_s, feeders = last["nets_cpu_s"] * many, last["feeders"] * many
    devices_s = last["cpu_s"] * many - nets_s
    as_now = f"{last['rounds']} rounds to {gap:.0%}, and costs of each as now"
    on_cores = f"{devices_s / FUTURE_CORES:.0f} s on {FUTURE_CORES:,} cores"
    by_interval = f"{nets_s / INTERVALS:.0f} s on {INTERVALS} cores, an interval each"
    lines = [
        f"\n{FUTURE_DEVICES:,} devices at {feeders:,.0f} feeders, if there are {as_now}:",
        f"  devices: {devices_s / 3600:.1f} core hours; {on_cores}",
        f"  nets: {nets_s / 3600:.2f} core hours; {by_interval}",
    ]
    further = last["devices"] - first["devices"]
    if further > 0:
        each_kb = 1e3 * (last["peak_mb"] - first["peak_mb"]) / further
        terabytes = each_kb * FUTURE_DEVICES / 1e9
        lines.append(f"  memory: {each_kb:.1f} kB a device, {terabytes:.2f} TB in all")
    if "processes" in last:
        each = _bytes_each(last)
        gigabytes, link = each * feeders / 1e9, LINK_GBIT_PER_S
        minutes = 8 * gigabytes * last["rounds"] / link / 60
        lines.append(
            f"  messages: {each:,.0f} bytes a feeder and round, {gigabytes:.1f} GB a round; "
            f"{minutes:.1f} min in all through one link of {link} Gbit/s"
        )
    return lines
