"""Care for transformer areas: which are at risk of overload, what helps, and what that costs in energy not served."""
