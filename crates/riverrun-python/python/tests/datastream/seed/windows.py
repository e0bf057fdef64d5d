"""The seed's prose on windows: one call of the model for each record of a window, and one for all of them."""

import riverrun as bentoml

from riverrun.common import Time
from riverrun.datastream import ProcessWindowFunction, StreamExecutionEnvironment, WindowFunction
from riverrun.datastream.functions import RuntimeContext
from riverrun.datastream.window import TumblingProcessingTimeWindows


class OneByOne(ProcessWindowFunction):
    def open(self, runtime_context: RuntimeContext):
        self.runner = bentoml.transformers.get("text-classification:latest").to_runner()
        self.runner.init_local()

    def process(self, key, context, elements):
        for element in elements:
            yield "one", element[0], self.runner.predict.run(element[1])[0]["label"]


class AllAtOnce(WindowFunction):
    def open(self, runtime_context: RuntimeContext):
        self.runner = bentoml.transformers.get("text-classification:latest").to_runner()
        self.runner.init_local()

    def apply(self, key, window, inputs):
        elements = list(inputs)
        results = self.runner.run([text for _, text in elements])
        return [("all", number, result["label"]) for (number, _), result in zip(elements, results)]


env = StreamExecutionEnvironment.get_execution_environment()
env.set_parallelism(1)
ds = env.from_collection([(1, "What a lovely day"), (2, "This is awful"), (3, "I love it")])
windows = ds.key_by(lambda data: 0).window(TumblingProcessingTimeWindows.of(Time.seconds(10)))
windows.process(OneByOne()).union(windows.apply(AllAtOnce())).print()
env.execute()
