"""Files that the program reads when it runs."""
