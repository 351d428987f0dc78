"""A unit of work for each request, counted when its response is done.

    app.wsgi_app = heaptop.middleware.WSGI(app.wsgi_app)    # Flask
    application = heaptop.middleware.WSGI(application)      # Django, ...
    app = heaptop.middleware.ASGI(app)                      # FastAPI, ...
"""
from ._said import work


class _Response:
    """An iterable of WSGI's that counts when the server closes it."""

    def __init__(self, response):
        self._response = response

    def __iter__(self):
        return iter(self._response)

    def close(self):
        with work:
            getattr(self._response, "close", int)()


class WSGI:
    """Around an application of WSGI (PEP 3333)."""

    def __init__(self, app):
        self.app = app

    def __call__(self, environ, start_response):
        try:
            response = self.app(environ, start_response)
        except BaseException:
            work()
            raise
        # A list is whole already; servers look at its length.
        if isinstance(response, (list, tuple)):
            work()
            return response
        return _Response(response)


class ASGI:
    """Around an application of ASGI: its requests and web sockets."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        with work:
            await self.app(scope, receive, send)
