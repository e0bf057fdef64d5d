"""The leanest asynchronous Python server that one would write around ONNX Runtime: bare ASGI on uvicorn, uvloop and
httptools, `text/plain` in, JSON out, and a batcher of thirty lines.

    python lean_server.py PORT MODEL_DIRECTORY MODEL.onnx SESSIONS THREADS BATCH PADDING

SESSIONS sessions of THREADS threads each compute at a time. What has come in while they are all busy is batched: the oldest
text with those nearest to it in tokens, at most BATCH, as long as padding adds no more than PADDING of the tokens.
"""

import asyncio
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import uvicorn
from onnx_classifier import LabelClassifier


class Batcher:
    def __init__(self, sessions, batch, padding):
        self.tokenizer = sessions[0].tokenizer
        self.free, self.batch, self.padding = list(sessions), batch, padding
        self.threads = ThreadPoolExecutor(len(sessions))
        self.waiting, self.planned = [], False

    async def classify(self, text):
        loop = asyncio.get_running_loop()
        # Tokenized here, so that texts are put together by tokens and not by characters.
        encoding = self.tokenizer.encode(text)
        future = loop.create_future()
        self.waiting.append((encoding, future))
        if not self.planned:
            # After all that this turn of the loop reads from its sockets.
            self.planned = True
            loop.call_soon(self.dispatch)
        return await future

    def dispatch(self):
        self.planned = False
        while self.free and self.waiting:
            asyncio.ensure_future(self.compute(self.free.pop(), self.take()))

    def take(self):
        """The oldest and its neighbours in length."""
        oldest = self.waiting.pop(0)
        batch, real, longest = [oldest], len(oldest[0].ids), len(oldest[0].ids)
        if self.batch > 1 and self.waiting:
            for entry in sorted(self.waiting, key=lambda entry: abs(len(entry[0].ids) - len(oldest[0].ids))):
                tokens = len(entry[0].ids)
                padded = max(longest, tokens) * (len(batch) + 1)
                if len(batch) == self.batch or padded > (real + tokens) * (1 + self.padding):
                    break
                batch.append(entry)
                real, longest = real + tokens, max(longest, tokens)
            taken = set(map(id, batch))
            self.waiting = [entry for entry in self.waiting if id(entry) not in taken]
        return batch

    async def compute(self, session, batch):
        encodings = [encoding for encoding, _ in batch]
        try:
            answers = await asyncio.get_running_loop().run_in_executor(self.threads, session.classify_encoded, encodings)
            for (_, future), answer in zip(batch, answers):
                if not future.done():
                    future.set_result(answer)
        except Exception as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
        finally:
            self.free.append(session)
            self.dispatch()


class Application:
    """POST of any path, `text/plain`."""

    def __init__(self, batcher):
        self.batcher = batcher

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return
        message = await receive()
        body = message.get("body", b"")
        while message.get("more_body"):
            message = await receive()
            body += message.get("body", b"")
        answer = json.dumps([await self.batcher.classify(body.decode())]).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


def main():
    if len(sys.argv) != 8:
        sys.exit(__doc__)
    port, directory, graph = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    sessions, threads, batch, padding = int(sys.argv[4]), int(sys.argv[5]), int(sys.argv[6]), float(sys.argv[7])
    classifiers = [LabelClassifier(directory, graph, threads).warm_up() for _ in range(sessions)]
    application = Application(Batcher(classifiers, batch, padding))
    uvicorn.run(
        application, host="127.0.0.1", port=port, loop="uvloop", http="httptools", lifespan="off", access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
