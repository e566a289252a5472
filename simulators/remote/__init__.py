"""Simulators in other processes: frames, channels, supervised processes, the mosaik API."""
