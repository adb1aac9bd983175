"""The schema, revision by revision, in `versions/`. `HEAD` is the newest one, known without loading alembic."""

HEAD = "0025"
