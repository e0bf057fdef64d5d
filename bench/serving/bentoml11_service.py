"""The inference service as BentoML 1.1 users write it: a runner from the store, `text/plain` in, JSON out.

    BENTOML_HOME=... SERVED_MODEL=text-classification:latest bentoml serve bentoml11_service:svc

With SERVED_BATCHED set, the model was saved with a batchable signature: each request is a batch of one for the runner to put
together with others. (The pipeline's own `batch_size` cannot be told: the runner would split that argument, too.)
"""

import os

import bentoml
from bentoml.io import JSON, Text

runner = bentoml.transformers.get(os.environ["SERVED_MODEL"]).to_runner()
svc = bentoml.Service("classifier", runners=[runner])
batched = "SERVED_BATCHED" in os.environ


@svc.api(input=Text(), output=JSON())
async def classify(text: str):
    if batched:
        return (await runner.async_run([text]))[:1]
    return await runner.async_run(text)
