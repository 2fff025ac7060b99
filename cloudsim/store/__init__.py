"""What the simulated clouds keep on disk: rows in SQLite, contents in files."""
