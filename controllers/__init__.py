"""Who decides: one coordination mechanism a module, behind the `Controller` protocol."""
