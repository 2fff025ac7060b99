"""Many files through bad weather: all of them come back, and the pages tell the truth."""
