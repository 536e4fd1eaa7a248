"""Writing items: create, change, bulk, trash, restore; each with its right, its revision and its search words."""
