"""OpenDSS as the grid: users' own circuits, and an engine for gridloom's networks."""
