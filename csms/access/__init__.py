"""Who may do what through the HTTP interface, and the record of what was done."""
