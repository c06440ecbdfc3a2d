"""The peer: the requests that are compared, answered by FastAPI, with the same bytes and duties.

It is written as its documentation advises for speed: Uvicorn with uvloop and httptools, one worker,
plain ASGI middleware, SQLAlchemy Core on asyncpg, and Pydantic's own serialisation. It shares the
service's database and none of its code, and has a virtual environment of its own, .tools/peer.
"""
