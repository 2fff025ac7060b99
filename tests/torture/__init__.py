"""Many hands on one small library at once."""
