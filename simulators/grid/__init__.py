"""The grid: a pandapower net, solved by one of several engines."""
