"""Shipped scenarios and their small data."""
