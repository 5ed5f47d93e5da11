"""One file a command: reads options, calls one room, and tells. The room is imported when the command runs."""
