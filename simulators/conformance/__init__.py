"""Checks whether a simulator keeps to the mosaik API: the conformance kit.

from gridloom.simulators.conformance import CheckOptions, check

def test_my_simulator():
    report = check("python my_simulator.py {address}", CheckOptions(role="pv"))
    assert report.passed, report
"""

from gridloom.simulators.conformance.kit import check
from gridloom.simulators.conformance.options import CheckOptions
from gridloom.simulators.conformance.report import CHECKS, Finding, Outcome, Report

__all__ = ["CHECKS", "CheckOptions", "Finding", "Outcome", "Report", "check"]
