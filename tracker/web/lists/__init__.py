"""Lists of items: views, conditions, columns, pages, and what is done to many at once."""
