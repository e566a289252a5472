"""What `gridloom new` writes: one folder a kind of skeleton, `$name` and the like filled in."""
