"""The ``vigil`` command: every expected failure ends in one line and its own exit code."""

from __future__ import annotations

import sys
import traceback

import click

from edge.cli import vigil
from edge.errors import ExitCode, VigilError


def main() -> None:
    """Run the command line and exit with an :class:`edge.errors.ExitCode`."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """The exit code of one command line."""
    try:
        code = vigil.main(args=arguments, prog_name="vigil", standalone_mode=False)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130  # as a shell reports SIGINT
    except VigilError as error:
        click.echo(f"vigil: {error}", err=True)
        return int(error.exit_code)
    except Exception:  # noqa: BLE001 - Python's own exit code for this is 1, which says "different person" here
        traceback.print_exc()
        return int(ExitCode.INTERNAL)
    return int(code or ExitCode.OK)


if __name__ == "__main__":
    main()
