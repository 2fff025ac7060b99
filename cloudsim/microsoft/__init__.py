"""Graph's part for OneDrive."""
