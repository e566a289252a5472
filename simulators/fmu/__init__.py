"""Functional Mock-up Units (FMI 2.0 and 3.0, co-simulation) as models of a scenario."""
