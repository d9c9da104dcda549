"""Searches that are kept: favourites of a person or a space, what each person asked of late, and short links."""
