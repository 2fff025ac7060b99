"""Working stand-ins; each passes the suite of its port."""
