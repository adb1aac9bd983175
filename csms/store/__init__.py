"""Everything durable: tables, migrations, the one writer, read queries. The only room that knows SQL."""
