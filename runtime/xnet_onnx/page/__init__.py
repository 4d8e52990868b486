"""The page to drop a file on (extra ``[page]``)."""
