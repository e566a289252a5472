"""Adaptive multi-agent system: local agents hold lines, voltages and the balance (ADEMIS)."""
