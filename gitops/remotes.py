"""Which repository a URL means, however it is spelled."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

# How git writes where a remote is: as a URL, or as ssh's host:path.
URL = re.compile(
    r"(?P<scheme>https?|ssh|git)://([^@/]+@)?(?P<host>[^:/@]+)(?P<port>:\d+)?/(?P<path>.+?)(\.git)?/*"
)
SSH = re.compile(r"([^@/]+@)?(?P<host>[^:/@]+):(?P<path>[^/].*?)(\.git)?/*")


def path(url: str) -> str:
    """Return the path of a repository on its host, such as `owner/name`; empty if it has none.

    The host does not count: a cluster may reach the same repository by another one.
    """
    found = URL.fullmatch(url) or SSH.fullmatch(url)
    text = found["path"].lower() if found else ""
    return text.replace("/_git/", "/").removeprefix("v3/")  # Azure has a path for each protocol


def own(urls: Iterable[str], remotes: Iterable[str], guess: Callable[[str], bool]) -> set[str]:
    """Return those of some URLs that mean the repository with these remotes.

    If a URL is that of a remote, the others are strangers. Otherwise this is a fork, whose remotes
    end with the same name, or nothing is known of them and it is guessed.
    """
    named, paths = set(urls), {path(each) for each in remotes} - {""}
    same = {url for url in named if path(url) in paths}
    names = {last(each) for each in paths}
    forked = {url for url in named if path(url) and last(path(url)) in names}
    return same or forked or {url for url in named if guess(url)}


def last(of: str) -> str:
    """Return the last part of a path."""
    return of.rpartition("/")[2]
