"""Cited question answering over a folder of documents: every answer is a verbatim span of one of them."""
