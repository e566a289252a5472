"""Power flow of radial networks: a backward/forward sweep in symmetrical components."""
