"""Central planning: the paper's MILP (eqs. 11-28), on any grid and fleet."""
