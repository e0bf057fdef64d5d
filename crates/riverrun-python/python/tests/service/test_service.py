"""Services: functions at routes."""

import asyncio
import io
import json
import threading
import time
import urllib.request

import pytest

import riverrun
from riverrun.exceptions import BadInput, BadInputType, NotFound, NotSupported, RiverrunError, StateError
from riverrun.io import JSON, File, Image, Multipart, NumpyNdarray, PandasDataFrame, Text


def test_the_service_of_bentoml_labels_a_text(serve, runner):
    import riverrun as bentoml

    classifier = bentoml.transformers.get("tweet-sentiment:latest").to_runner()
    svc = bentoml.Service("text_classification", runners=[classifier])

    @svc.api(input=bentoml.io.Text(), output=bentoml.io.JSON())
    async def classify(text: str) -> list:
        return await classifier.async_run(text)

    answer = serve(svc)("/classify", "What a lovely day".encode(), "text/plain")

    assert answer.status == 200 and answer.headers["content-type"] == "application/json"
    assert json.loads(answer.body) == runner.run("What a lovely day")


def test_a_runner_is_let_go_if_the_service_has_initialised_it():
    mine, its = (riverrun.models.get("tweet-sentiment").to_runner(name) for name in ("mine", "its"))
    mine.init_local()
    service = riverrun.Service("two", runners=[mine, its])
    service.api(Text(), Text(), name="echo")(lambda text: text)

    with service.start(port=0):
        assert its.is_initialised

    assert mine.is_initialised and not its.is_initialised


def test_functions_and_coroutines_get_their_input_and_context(serve, service):
    @service.api(input=Text(), output=Text(), route="/sync")
    def plain(text, ctx):
        ctx.response.status_code = 201
        ctx.response.headers["X-Agent"] = ctx.request.headers["USER-AGENT"]
        ctx.response.set_cookie("user", "ada", max_age=60, httponly=True)
        return ctx.request.query_params["greeting"] + text

    @service.api(input=Text(), output=Text(), route="async")
    async def waiting(text: str, about: riverrun.Context):
        await asyncio.sleep(0)
        return f"{text} {about.request.request_id}"

    post = serve(service)
    first = post("/sync?greeting=a%20b&c", "ü".encode(), **{"User-Agent": "tests"})
    second = post("/async", b"id", **{"X-Request-Id": "mine-1"})

    assert (first.status, first.text) == (201, "a bü")
    assert first.headers["x-agent"] == "tests"
    assert first.headers["set-cookie"] == "user=ada; HttpOnly; Max-Age=60; Path=/; SameSite=lax"
    assert (second.status, second.text) == (200, "id mine-1")


def test_each_part_of_a_form_is_a_parameter(serve, service):
    @service.api(input=Multipart(text=Text(), options=JSON()), output=JSON())
    def classify(options, text, ctx):
        return [text, options["top_k"], ctx.request.headers["content-type"][:19]]

    post = serve(service)
    form = (
        b"--x\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nfine\r\n"
        b"--x\r\nContent-Disposition: form-data; name=\"options\"\r\nContent-Type: application/json\r\n\r\n"
        b'{"top_k": 3}\r\n--x--\r\n'
    )
    answer = post("/classify", form, "multipart/form-data; boundary=x")
    cut = post("/classify", form[:-6], "multipart/form-data; boundary=x")
    other = post("/classify", b"fine", "text/plain")

    assert json.loads(answer.body) == ["fine", 3, "multipart/form-data"]
    assert cut.status == 400 and "closing boundary" in cut.text
    assert other.status == 415 and "multipart/form-data" in other.text


class Teapot(RiverrunError):
    error_code = 418


class Away(RiverrunError):
    error_code = 503


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(
    ("raised", "status", "said"),
    [
        (BadInput("no such \ud800 city"), 400, "no such ? city"),
        (NotFound("no customer 7"), 404, "no customer 7"),
        (Teapot("short and stout"), 418, "short and stout"),
        (Away("the model warms up"), 503, "the model warms up"),
        (riverrun.exceptions.RemoteError("10.0.0.7 is away"), 503, "try again later"),
        (ValueError("secret"), 500, "its log says why"),
        (SystemExit(3), 500, "its log says why"),
        (KeyboardInterrupt(), 500, "its log says why"),
        (StopIteration(1), 500, "its log says why"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_what_a_function_raises_becomes_an_answer(serve, service, caplog, raised, status, said, is_async):
    def fails(text):
        raise raised

    async def fails_later(text):
        raise raised

    service.api(Text(), Text(), name="fails")(fails_later if is_async else fails)
    service.api(Text(), Text(), name="works")(lambda text: text)
    post = serve(service, threads=1)

    answer = post("/fails", b"x")

    assert answer.status == status
    assert said in json.loads(answer.body)["error"]["message"] and "secret" not in answer.text
    # The traceback is for who runs the service.
    assert (status < 500) == ("`fails` at /fails failed" not in caplog.text)
    assert post("/works", b"still").text == "still"


def test_an_output_that_its_descriptor_cannot_write_is_the_services_fault(serve, service, caplog):
    answers = iter([7, None, object(), {"a": float("nan")}])
    service.api(Text(), Text(), name="text")(lambda _: next(answers))
    service.api(Text(), JSON(), name="json")(lambda _: next(answers))
    post = serve(service)

    assert [post(path, b"").status for path in ("/text", "/text", "/json", "/json")] == [500] * 4
    assert "Text writes a str, not int" in caplog.text


def test_a_header_or_status_that_cannot_be_is_the_services_fault(serve, service):
    @service.api(Text(), Text())
    def odd(text, ctx):
        if text == "header":
            ctx.response.headers["bad name"] = "x"
        elif text == "value":
            ctx.response.headers["X-Value"] = "a\r\nb: c"
        else:
            ctx.response.status_code = 7
        return text

    post = serve(service)

    assert [post("/odd", what).status for what in (b"header", b"value", b"status")] == [500] * 3


@pytest.mark.parametrize(
    ("body", "status"), [(b"{", 400), (b"\xff", 400), (b"[" * 100_000, 400), (b"", 400), (b'"\\ud800"', 200)]
)
def test_bad_json_is_the_callers_fault(serve, service, body, status):
    service.api(JSON(), Text(), name="take")(lambda value: type(value).__name__)

    assert serve(service)("/take", body, "application/json").status == status


def test_hooks_are_called_around_the_requests(serve, service):
    seen = []

    @service.on_startup
    async def load(ctx):
        await asyncio.sleep(0)
        ctx.state["model"] = len(seen)
        seen.append("startup")

    @service.on_deployment
    def deploy():
        seen.append("deployment")

    @service.on_shutdown
    def first(ctx):
        seen.append(("shutdown", ctx.state["model"]))

    @service.on_shutdown
    async def second(ctx):
        seen.append("again")

    @service.api(Text(), JSON())
    def state(text, ctx):
        seen.append("request")
        return ctx.state

    with service.start(port=0) as running:
        with urllib.request.urlopen(running.url + "/state", data=b"x") as answer:
            assert json.load(answer) == {"model": 1}

    assert seen == ["deployment", "startup", "request", ("shutdown", 1), "again"]


def test_a_startup_that_fails_leaves_nothing_behind(service):
    ended = []
    service.api(Text(), Text(), name="echo")(lambda text: text)
    service.on_shutdown(lambda ctx: ended.append(True))

    @service.on_startup
    def fail(ctx):
        raise LookupError("no such database")

    before = set(threading.enumerate())
    with pytest.raises(LookupError, match="database"):
        service.start(port=0)

    # What never started is not shut down.
    assert ended == []
    assert {thread for thread in threading.enumerate() if thread not in before} == set()


def test_functions_run_beside_each_other_and_more_than_may_are_refused(serve, service):
    gate, inside = threading.Event(), threading.Semaphore(0)

    @service.api(Text(), Text())
    def wait(text):
        inside.release()
        assert gate.wait(60)
        return text

    post = serve(service, threads=4, max_concurrency=6)
    answers = []

    def call():
        # One that comes later than those below that are to be refused is refused itself.
        while (status := post("/wait", b"x").status) == 429:
            time.sleep(0.01)
        answers.append(status)

    callers = [threading.Thread(target=call) for _ in range(6)]
    for caller in callers:
        caller.start()
    for _ in range(4):
        assert inside.acquire(timeout=60)
    # Four run; two wait, which may not be there yet.
    refused = None
    until = time.monotonic() + 60
    while time.monotonic() < until and refused is None:
        answer = post("/wait", b"x", **{"X-Timeout-Ms": "300"})
        refused = answer if answer.status == 429 else None
    assert refused is not None and refused.headers["retry-after"] == "1"
    assert post("/livez", method="GET").status == 200
    gate.set()
    for caller in callers:
        caller.join()

    assert answers == [200] * 6


def test_a_coroutine_is_cancelled_when_its_caller_goes_away(serve, service):
    began, cancelled = threading.Event(), threading.Event()

    @service.api(Text(), Text())
    async def wait(text):
        began.set()
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    post = serve(service)

    assert post("/wait", b"x", **{"X-Timeout-Ms": "200"}).status == 504
    assert began.is_set() and cancelled.wait(60)


def test_a_request_under_way_is_answered_when_the_service_ends(service):
    began = threading.Event()

    @service.api(Text(), Text())
    def slow(text):
        began.set()
        time.sleep(0.5)
        return "done"

    running = service.start(port=0)
    answers = []

    def call():
        with urllib.request.urlopen(running.url + "/slow", data=b"x") as answer:
            answers.append(answer.read())

    caller = threading.Thread(target=call)
    caller.start()
    assert began.wait(60)
    summary = running.stop()
    caller.join()

    assert answers == [b"done"] and "1 request" in summary
    assert running.stop() is None and "ended" in repr(running)
    with pytest.raises(StateError, match="ended"):
        running.url


def test_it_says_what_it_reads_and_writes(serve, service):
    from pydantic import BaseModel

    class Order(BaseModel):
        text: str
        amount: int = 1

    @service.api(JSON(pydantic_model=Order), NumpyNdarray(dtype="float32", shape=(-1, 2)), route="/order")
    def order(order):
        """Take an order.

        Of any amount.
        """
        import numpy

        return numpy.full((1, 2), order.amount, "float32")

    service.api(Image(), File(mime_type="application/pdf"), name="print")(lambda image: b"%PDF")
    post = serve(service)
    paths = json.loads(post("/docs.json", method="GET").body)["paths"]
    of_order, of_print = paths["/order"]["post"], paths["/print"]["post"]

    assert (of_order["summary"], of_order["description"]) == ("Take an order.", "Of any amount.")
    schema = of_order["requestBody"]["content"]["application/json"]["schema"]
    assert schema["properties"]["amount"]["type"] == "integer" and schema["required"] == ["text"]
    assert set(of_print["requestBody"]["content"]) == {"image/*", "multipart/form-data"}
    assert "application/pdf" in of_print["responses"]["200"]["content"]
    assert json.loads(post("/order", b'{"text": "tea", "amount": 2}', "application/json").body) == [[2.0, 2.0]]
    wrong = post("/order", b'{"text": "tea", "amount": "many"}', "application/json")
    assert wrong.status == 400 and "amount" in wrong.text and "many" not in wrong.text


def test_tables_and_images_go_both_ways(serve, service):
    import pandas
    from PIL import Image as Pillow

    service.api(PandasDataFrame(), PandasDataFrame(default_format="csv"), name="table")(lambda table: table + 1)
    service.api(Image(), Image(mime_type="image/png"), name="turn")(lambda image: image.rotate(90, expand=True))
    post = serve(service)
    png = io.BytesIO()
    Pillow.new("RGB", (4, 2), "red").save(png, "PNG")

    table = post("/table", b'[{"a": 1}, {"a": 2}]', "application/json")
    turned = post("/turn", png.getvalue(), "image/png")

    assert table.headers["content-type"] == "text/csv"
    assert list(pandas.read_csv(io.BytesIO(table.body))["a"]) == [2, 3]
    assert Pillow.open(io.BytesIO(turned.body)).size == (2, 4)
    assert [post("/turn", body, kind).status for body, kind in [(b"x", "image/png"), (b"x", "text/plain")]] == [400, 415]


def test_options_of_the_server_hold(serve, service):
    service.api(Text(), Text(), name="echo")(lambda text: text)
    post = serve(service, tokens=["secret"], max_body=10, cors=["https://example.org"])
    known = {"Authorization": "Bearer secret"}

    assert post("/echo", b"x").status == 401
    assert post("/echo", b"x", **known).status == 200
    assert post("/echo", b"x" * 11, **known).status == 413
    allowed = post("/echo", b"x", Origin="https://example.org", **known).headers["access-control-allow-origin"]
    assert allowed == "https://example.org"


def test_wrong_services_are_refused_where_they_are_written(service):
    def echo(text: str) -> str:
        return text

    service.api(Text(), Text())(echo)
    generator = lambda text: (yield text)

    for wrong, said in [
        (lambda: service.api(Text(), Text())(echo), "an API `echo` already"),
        (lambda: service.api(Text(), Text(), name="other", route="/echo")(echo), "both at /echo"),
        (lambda: service.api(Text(), Text(), name="a-b")(echo), "cannot be the name"),
        (lambda: service.api(Text, Text())(echo), "a descriptor such as"),
        (lambda: service.api(Text(), Text(), name="none")(lambda: ""), "one parameter for the input"),
        (lambda: service.api(Text(), Text(), name="two")(lambda a, b: ""), "one parameter for the input"),
        (lambda: service.api(Multipart(a=Text()), Text(), name="part")(lambda b: ""), "each part"),
        (lambda: service.api(Text(), Text(), name="both")(lambda a, ctx, context: ""), "as two parameters"),
        (lambda: service.api(Text(), Text(), name="no")("text"), "for functions"),
        (lambda: service.api(Text(), Text(), name="generator")(generator), "generator"),
        (lambda: service.mount_asgi_app(None), "which BentoML's has"),
        (lambda: riverrun.Service("a:1"), "no version"),
        (lambda: riverrun.Service("a b"), "a b"),
        (lambda: riverrun.Service(7), "name is a text"),
        (lambda: riverrun.Service("x", runners=["model"]), "which is no runner"),
        (lambda: riverrun.Service("empty").start(port=0), "has no APIs"),
        (lambda: service.start(port=0, threads=0), "threads"),
        (lambda: service.start(port=0, timeout=-1), "timeout"),
        (lambda: service.start(port=0, max_body="many"), "max_body"),
        (lambda: service.start(host="nowhere", port=0), "an IP address"),
        (lambda: service.start(port=0, tls_cert="cert.pem"), "together"),
    ]:
        with pytest.raises((BadInput, BadInputType, NotSupported), match=said):
            wrong()
    reserved = riverrun.Service("reserved")
    reserved.api(Text(), Text(), name="metrics")(echo)
    with pytest.raises(BadInput, match="/metrics"):
        reserved.start(port=0)


def test_a_port_that_is_taken_is_said_before_models_are_loaded(service):
    service.api(Text(), Text(), name="echo")(lambda text: text)
    service.on_startup(lambda ctx: pytest.fail("it was too late"))
    other = riverrun.Service("other")
    other.api(Text(), Text(), name="echo")(lambda text: text)
    with other.start(port=0) as running:
        port = int(running.url.rsplit(":", 1)[1])
        with pytest.raises(StateError, match=f"port {port} is in use"):
            service.start(port=port)
