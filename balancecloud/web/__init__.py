"""Speaks HTTP: pages and /api.

It parses, calls one function of library or identity, renders; it decides nothing.
"""
