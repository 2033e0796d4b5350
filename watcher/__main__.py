"""The entry point. It imports nothing at its top: a worker runs this module again when it starts."""


def main() -> None:
    from watcher.cli import main as cli_main

    cli_main()


if __name__ == "__main__":
    main()
