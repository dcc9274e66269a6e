"""`python -m gemel.virtual`: the virtual plant as a process."""

import asyncio
import logging
import sys

from gemel.virtual.options import parse


def main() -> None:
    options = parse()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    # asyncua reports every lost client as a warning; here losing clients is part of the play.
    logging.getLogger("asyncua").setLevel(logging.ERROR)
    # What cannot be listened on is said below, in one line.
    logging.getLogger("asyncua.server.server").setLevel(logging.CRITICAL)
    from gemel.virtual.server import serve

    try:
        asyncio.run(serve(options))
    except OSError as error:
        sys.exit(f"cannot serve on {options.endpoint}: {error}")


if __name__ == "__main__":
    main()
