"""Minutes of everything at once: several people, accounts that come and go, processes that die."""
