"""Text that other programs have written, fit for terminals, logs and HDF5 attributes."""


def printable(text: str) -> str:
    r"""Return ``text`` with everything but print, tabs and line breaks escaped.

    >>> printable("out of\tfuel\n\x1b[31m\0")
    'out of\tfuel\n\\x1b[31m\\x00'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\t\n" else ascii(c)[1:-1] for c in text)
