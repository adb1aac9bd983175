"""Tables of the monitor and what is done with them: the only place of the monitor that speaks SQL."""
