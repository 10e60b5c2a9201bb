"""The REST data plane: a table of operations, one handler each, and the application that finds the right one."""
