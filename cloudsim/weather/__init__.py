"""Faults and conditions: what makes the simulated clouds slow, full, rude or gone."""
