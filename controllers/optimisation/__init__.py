"""Linear programs that are written for readers and solved for speed."""
