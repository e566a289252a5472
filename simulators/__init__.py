"""What exists: models of grid, load, photovoltaics, vehicles and market, behind ports."""
