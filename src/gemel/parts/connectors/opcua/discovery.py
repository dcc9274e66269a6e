async def discover(target, clock, progress, folder):
    raise NotImplementedError
