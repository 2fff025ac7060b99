"""Google Drive and OneDrive, simulated over real HTTP with their OAuth."""
