"""Campaigns that come with gridloom."""
