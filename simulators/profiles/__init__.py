"""Exogenous series: files, generators and forecasts."""
