"""The import of customers: strangers' files read, cleaned and written in chunks that a kill can only delay."""
