"""Campaigns as tables and as a page: indicators over what was varied."""
