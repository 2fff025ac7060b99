"""The suite of `make bench`: it runs at all, and its table is reckoned rightly."""
