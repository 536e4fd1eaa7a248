"""Who may do what: people, groups, and grants compiled to SQL clauses."""
