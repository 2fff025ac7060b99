"""Tests of what is in Redis and may vanish."""
