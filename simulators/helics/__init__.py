"""A federation of HELICS behind a model: gridloom takes part in it as one federate."""
