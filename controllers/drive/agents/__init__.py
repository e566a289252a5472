"""Agents of devices that answer prices and targets with exact proximal operators."""
