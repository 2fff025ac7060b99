"""Real servers for the tests: one PostgreSQL and one Valkey per run."""
