"""What can be wrong with a bag."""


class BagError(ValueError):
    """A bag can't be written, read or used as asked; says which, why, and what to do."""
