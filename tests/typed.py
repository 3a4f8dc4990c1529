"""Commands as a person types them, run in this process."""

from typer.testing import CliRunner

from studio.cli import app


def ran(*words):
    """What came of the command of these words."""
    return CliRunner().invoke(app, [str(word) for word in words])
