"""Turns a complete record into KPIs and a report."""

from gridloom.scenarios.results.kpis import compute_kpis
from gridloom.scenarios.results.kpis.kpi import Kpi, write_kpis_csv
from gridloom.scenarios.results.record import open_record
from gridloom.scenarios.results.report import write_report
from gridloom.scenarios.run_folder import RunFolder


def evaluate(folder: RunFolder) -> list[Kpi]:
    """Write the KPIs and the report of a run's record, and return the KPIs."""
    with open_record(folder.record) as record:
        kpis = compute_kpis(record)
        write_report(record, kpis, folder.report)
    write_kpis_csv(kpis, folder.kpis)
    return kpis
