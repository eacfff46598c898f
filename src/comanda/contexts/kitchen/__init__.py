"""Kitchen: the board on which staff accept and finish orders."""
