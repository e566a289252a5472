"""Exact proximal operators of populations of devices: what each answers to a price and a target."""
