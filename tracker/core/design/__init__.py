"""What people configure: definitions, their difference as steps, and the tables that follow from them."""
