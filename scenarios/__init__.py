"""Which experiment: scenario files, the co-simulation they compose, and what comes out of it."""
