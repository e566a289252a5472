"""The record of a run and everything that is computed from it."""
