"""The command line, with real processes."""
