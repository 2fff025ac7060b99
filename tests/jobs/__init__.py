"""Tests of workers and of tick."""
