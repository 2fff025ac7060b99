"""A module for each row of the table: `measure(run)` gives its figures."""
