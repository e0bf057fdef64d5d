"""The seed's prose on async I/O: requests to a service, many at a time."""

import asyncio
import json
import sys
import urllib.request

from riverrun.common import Time
from riverrun.datastream import AsyncDataStream, AsyncFunction, StreamExecutionEnvironment


class ClassifyFunction(AsyncFunction):
    async def async_invoke(self, data):
        request = urllib.request.Request(sys.argv[1], data[1].encode(), {"content-type": "text/plain"})
        body = await asyncio.to_thread(lambda: urllib.request.urlopen(request).read())
        return [(data[0], json.loads(body)[0]["label"])]


env = StreamExecutionEnvironment.get_execution_environment()
env.set_parallelism(1)
ds = env.from_collection([(1, "What a lovely day"), (2, "This is awful"), (3, "I love it")])
AsyncDataStream.ordered_wait(ds, ClassifyFunction(), Time.seconds(20)).print()
env.execute()
