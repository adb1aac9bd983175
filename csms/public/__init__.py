"""What anybody may know without a token: where one can charge, what is free, what it costs. Nothing about people."""
