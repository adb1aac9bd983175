"""The HTTP application and the operations routes; other rooms hand in routers of their own."""
