"""The ground floor: database, workspace, transactions, change sets, hooks and jobs."""
