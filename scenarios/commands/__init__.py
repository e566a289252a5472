"""What the command line does, a function a command."""
