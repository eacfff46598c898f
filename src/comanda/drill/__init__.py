"""Drill: a whole system that is hurt in every way we know, and a count from outside of what it kept of its promise.

The plan of faults follows from a seed (`plan`); the system is real processes on one data directory (`system`, `part`)
that reach each other through links that can be cut (`proxy`); guests order meanwhile (`guests`, `crowd`); in the end
what the guests were answered is laid beside the provider's ledger and the mail server's log (`ledger`, `verdict`), and
what broke is told with its whole story (`timeline`).
"""
