"""`python -m gemel.virtual`: the virtual plant as a process."""

import asyncio
import logging

from gemel.virtual.options import parse


def main() -> None:
    options = parse()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    # asyncua reports every lost client as a warning; here losing clients is part of the play.
    logging.getLogger("asyncua").setLevel(logging.ERROR)
    from gemel.virtual.server import serve

    asyncio.run(serve(options))


if __name__ == "__main__":
    main()
