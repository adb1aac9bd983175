"""The technician's commands: one file per noun, clients of the API. Each gives `build(text) -> typer.Typer`."""
