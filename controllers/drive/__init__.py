"""DRivE: devices and nets negotiate by proximal message passing (ADMM)."""
