"""The design in the browser: trackers, fields, rules, and the plan before anything is saved."""
