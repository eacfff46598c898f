"""Processes: the supervisor of one box, its children, and how a process serves or works until it is told to end."""
