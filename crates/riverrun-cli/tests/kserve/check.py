"""Asks a service by Triton's own client, over HTTP and gRPC: `check.py HOST:PORT`. Fails with what was not as it should be."""

import queue
import sys

import numpy as np
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from tritonclient.utils import InferenceServerException

MODEL = "text-classification"
TEXTS = ["I love this, best day ever!", "This is the worst service I have ever had.", "naïve café ☕ \u4f60\u597d"]
LABELS = ["positive", "negative"]


def inputs(library, texts):
    data = np.array([text.encode() for text in texts], dtype=np.object_)
    tensor = library.InferInput("text", [len(texts)], "BYTES")
    if library is triton_http:
        return tensor, data
    tensor.set_data_from_numpy(data)
    return tensor, data


def check_answer(result, count):
    labels, scores = result.as_numpy("label"), result.as_numpy("score")
    assert labels.shape == (count,) and scores.shape == (count,), (labels, scores)
    assert scores.dtype == np.float32 and all(0.0 < score <= 1.0 for score in scores), scores
    named = [label.decode() if isinstance(label, bytes) else label for label in labels]
    assert named[: len(LABELS)] == LABELS, named
    return scores


def refuses(call, *parts):
    try:
        call()
    except InferenceServerException as error:
        assert all(part in str(error) for part in parts), str(error)
    else:
        raise AssertionError(f"nothing was said about {parts}")


def check_http(address):
    client = triton_http.InferenceServerClient(address)
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready(MODEL) and client.is_model_ready(MODEL, "1.0")
    assert client.get_server_metadata()["extensions"], "no extensions"
    metadata = client.get_model_metadata(MODEL)
    assert metadata["inputs"] == [{"name": "text", "datatype": "BYTES", "shape": [-1]}], metadata
    assert [output["name"] for output in metadata["outputs"]] == ["label", "score"], metadata
    index = client.get_model_repository_index()
    assert index[0]["name"] == MODEL and index[0]["state"] == "READY", index

    scores = []
    for binary_in in (False, True):
        for binary_out in (False, True):
            tensor, data = inputs(triton_http, TEXTS)
            tensor.set_data_from_numpy(data, binary_data=binary_in)
            outputs = [triton_http.InferRequestedOutput(name, binary_data=binary_out) for name in ("label", "score")]
            result = client.infer(MODEL, [tensor], outputs=outputs, request_id="seven")
            assert result.get_response()["id"] == "seven"
            assert result.get_response()["model_version"] == "1.0"
            scores.append(check_answer(result, len(TEXTS)))
    tensor.set_data_from_numpy(data)
    scores.append(check_answer(client.infer(MODEL, [tensor], model_version="1.0"), len(TEXTS)))
    only = client.infer(MODEL, [tensor], outputs=[triton_http.InferRequestedOutput("score")])
    assert only.as_numpy("label") is None and only.as_numpy("score") is not None

    refuses(lambda: client.infer("sentimet", [tensor]), "sentimet", MODEL)
    refuses(lambda: client.infer(MODEL, [tensor], model_version="9"), "`9`", "1.0")
    wrong = triton_http.InferInput("text", [1], "FP32")
    wrong.set_data_from_numpy(np.array([1.0], dtype=np.float32))
    refuses(lambda: client.infer(MODEL, [wrong]), "BYTES is wanted")
    outputs = [triton_http.InferRequestedOutput("lable")]
    refuses(lambda: client.infer(MODEL, [tensor], outputs=outputs), "lable", "label, score")
    return scores


def check_grpc(address):
    client = triton_grpc.InferenceServerClient(address)
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready(MODEL) and client.is_model_ready(MODEL, "1.0")
    assert client.get_server_metadata().extensions
    metadata = client.get_model_metadata(MODEL)
    assert (metadata.inputs[0].name, metadata.inputs[0].datatype, list(metadata.inputs[0].shape)) == ("text", "BYTES", [-1])
    assert [output.name for output in metadata.outputs] == ["label", "score"], metadata
    index = client.get_model_repository_index()
    assert (index.models[0].name, index.models[0].state) == (MODEL, "READY"), index

    tensor, _ = inputs(triton_grpc, TEXTS)
    result = client.infer(MODEL, [tensor], request_id="seven", client_timeout=30)
    assert result.get_response().id == "seven" and result.get_response().model_version == "1.0"
    scores = [check_answer(result, len(TEXTS))]

    answers = queue.Queue()
    client.start_stream(callback=lambda result, error: answers.put((result, error)))
    for number in range(20):
        client.async_stream_infer(MODEL if number != 7 else "sentimet", [tensor], request_id=str(number))
    for number in range(20):
        result, error = answers.get(timeout=30)
        if number == 7:
            assert "sentimet" in str(error), (result, error)
        else:
            assert error is None and result.get_response().id == str(number), (number, error)
            scores.append(check_answer(result, len(TEXTS)))
    client.stop_stream()

    refuses(lambda: client.infer("sentimet", [tensor]), "NOT_FOUND", "sentimet")
    wrong = triton_grpc.InferInput("text", [1], "FP32")
    wrong.set_data_from_numpy(np.array([1.0], dtype=np.float32))
    refuses(lambda: client.infer(MODEL, [wrong]), "INVALID_ARGUMENT", "BYTES is wanted")
    # Many texts, since the answer to a few may come before the client looks at its clock.
    many, _ = inputs(triton_grpc, TEXTS * 100)
    refuses(lambda: client.infer(MODEL, [many], client_timeout=1e-6), "DEADLINE_EXCEEDED")
    return scores


if __name__ == "__main__":
    all_scores = check_http(sys.argv[1]) + check_grpc(sys.argv[1])
    assert all((scores == all_scores[0]).all() for scores in all_scores), all_scores
    print(f"{len(all_scores)} answers, all the same")
