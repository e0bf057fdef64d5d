"""Asks a service that serves the models of fixture.rs at the address given, with Triton's client, over HTTP and gRPC."""

import signal
import sys

import numpy as np
import tritonclient.grpc as grpc
import tritonclient.http as http
from tritonclient.utils import InferenceServerException

TEXTS = np.array(["ab".encode(), "é".encode(), b""], dtype=np.object_)
SHOUTS = ["AB", "É", ""]
MATRIX = np.array([[0.5, -1.25], [3.0, 1e-7]], dtype=np.float32)


def refused(call, *expected):
    """Has to be refused with a message in which all of `expected` stands."""
    try:
        call()
    except InferenceServerException as error:
        text = str(error)
        assert all(part in text for part in expected), text
    else:
        raise AssertionError("it was not refused: " + ", ".join(expected))


def shouts(result):
    return [bytes(shout).decode() if isinstance(shout, bytes) else shout for shout in result.as_numpy("shout").tolist()]


def texts(module, **options):
    tensor = module.InferInput("text", [len(TEXTS)], "BYTES")
    tensor.set_data_from_numpy(TEXTS, **options)
    return tensor


def matrix(module):
    tensor = module.InferInput("x", list(MATRIX.shape), "FP32")
    tensor.set_data_from_numpy(MATRIX)
    return tensor


def check_common(module, client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("words")
    assert client.is_model_ready("words", "7")

    result = client.infer("words", [texts(module)], request_id="42")
    assert shouts(result) == SHOUTS, result.get_response()
    assert result.as_numpy("length").tolist() == [2, 2, 0]

    echoed = client.infer("echo", [matrix(module)]).as_numpy("y")
    assert echoed.dtype == np.float32 and np.array_equal(echoed, MATRIX), echoed

    refused(lambda: client.infer("wrods", [texts(module)]), "wrods")
    refused(lambda: client.infer("words", [texts(module)], model_version="8"), "version `8`")
    refused(lambda: client.infer("words", [matrix(module)]), "text")
    refused(lambda: client.get_model_metadata("wrods"), "wrods")
    refused(lambda: client.load_model("words"))


def check_http(address):
    client = http.InferenceServerClient(address)
    check_common(http, client)

    assert client.get_server_metadata()["name"] == "test"
    metadata = client.get_model_metadata("words")
    assert metadata["versions"] == ["7"], metadata
    assert metadata["inputs"] == [{"name": "text", "datatype": "BYTES", "shape": [-1]}], metadata
    index = client.get_model_repository_index()
    assert [model["name"] for model in index] == ["words", "echo"], index
    assert not client.is_model_ready("wrods")

    for bytes_in in (False, True):
        for bytes_out in (False, True):
            wanted = [http.InferRequestedOutput(name, binary_data=bytes_out) for name in ("length", "shout")]
            result = client.infer("words", [texts(http, binary_data=bytes_in)], outputs=wanted, request_id="42")
            assert shouts(result) == SHOUTS, result.get_response()
            assert result.as_numpy("length").tolist() == [2, 2, 0]
            assert result.get_response()["id"] == "42"
    for algorithm in ("gzip", None):
        result = client.infer("words", [texts(http)], request_compression_algorithm=algorithm)
        assert shouts(result) == SHOUTS
    client.close()
    print("http ok")


def check_grpc(address):
    client = grpc.InferenceServerClient(address)
    check_common(grpc, client)

    assert client.get_server_metadata().name == "test"
    metadata = client.get_model_metadata("words", as_json=True)
    assert metadata["versions"] == ["7"] and metadata["inputs"][0]["datatype"] == "BYTES", metadata
    index = client.get_model_repository_index()
    assert [model.name for model in index.models] == ["words", "echo"], index
    result = client.infer("words", [texts(grpc)], outputs=[grpc.InferRequestedOutput("shout")], request_id="42")
    assert shouts(result) == SHOUTS
    assert result.as_numpy("length") is None
    assert result.get_response().id == "42"

    answers = []
    client.start_stream(lambda result, error: answers.append((result, error)))
    for index in range(5):
        client.async_stream_infer("words", [texts(grpc)], request_id=str(index))
    client.async_stream_infer("wrods", [texts(grpc)], request_id="5")
    client.stop_stream()
    assert [result.get_response().id for result, error in answers[:5]] == ["0", "1", "2", "3", "4"], answers
    assert all(shouts(result) == SHOUTS for result, _ in answers[:5])
    assert len(answers) == 6 and "wrods" in str(answers[5][1]), answers
    client.close()
    print("grpc ok")


# Ends this process if an answer never comes.
signal.alarm(60)
check_http(sys.argv[1])
check_grpc(sys.argv[1])
