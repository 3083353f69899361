"""``python -m gamma_flow``: the command, where scripts are not on the path."""

from gamma_flow.cli import main

if __name__ == "__main__":
    main()
