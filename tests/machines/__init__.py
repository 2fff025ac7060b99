"""Web and workers that share nothing but PostgreSQL, Valkey and a bucket."""
