"""Tables: columns, states and constraints.

No queries, no rules.
"""
