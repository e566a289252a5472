"""Foreign simulators that speak the mosaik API, behind gridloom's ports."""
