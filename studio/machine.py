"""What this machine has free."""


def free_memory() -> int:
    """Bytes of memory that can be taken without swapping."""
    import psutil

    return int(psutil.virtual_memory().available)
