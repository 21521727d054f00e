"""Cited question answering over a folder of documents: every answer is a verbatim span of one of them."""


def version() -> str:
    """Return the version of the program."""
    from importlib import metadata  # for which `qa --help` need not wait

    try:
        return metadata.version("cited-qa")
    except metadata.PackageNotFoundError:  # run from the source without being installed
        return "unknown"
