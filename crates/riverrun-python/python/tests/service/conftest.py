"""A service that runs, and requests to it."""

import http.client
import urllib.parse

import pytest

import riverrun


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()
        self.text = self.body.decode("utf-8", "replace")


@pytest.fixture
def serve():
    """Starts a service, and gives a function that posts to it."""
    started = []

    def start(service, **options):
        running = service.start(port=0, **options)
        started.append(running)
        address = urllib.parse.urlsplit(running.url).netloc

        def post(path, body=b"", content_type=None, method="POST", **headers):
            connection = http.client.HTTPConnection(address, timeout=60)
            if content_type is not None:
                headers["Content-Type"] = content_type
            connection.request(method, path, body, headers)
            return Answer(connection.getresponse())

        return post

    yield start
    for running in started:
        running.stop()


@pytest.fixture
def service():
    return riverrun.Service("tests")
