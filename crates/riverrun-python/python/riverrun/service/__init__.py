"""Services: functions of yours at routes, on the server in Rust, under BentoML's names.

>>> import riverrun, urllib.request
>>> from riverrun.io import JSON, Text
>>> runner = riverrun.models.get("tweet-sentiment").to_runner()
>>> service = riverrun.Service("sentiment", runners=[runner])
>>> @service.api(input=Text(), output=JSON(), route="/classify")
... def classify(text: str) -> list[dict]:
...     return runner.predict.run(text)
>>> with service.start(port=0) as running:
...     with urllib.request.urlopen(running.url + "/classify", data=b"What a lovely day") as answer:
...         answer.read()[:20]
b'[{"label":"positive"'

In a file of its own, `riverrun serve file:service` serves it until Ctrl-C.
"""

from riverrun.service.context import Context, Headers
from riverrun.service.running import RunningService
from riverrun.service.service import Service

__all__ = ["Context", "Headers", "RunningService", "Service"]
