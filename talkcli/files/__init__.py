"""Files that others made, read as data: nothing in them runs, leaves its folder, or takes memory it does not fill."""
