//! Classifies tweets with a model embedded in the stream program.

use riverrun::prelude::*;

#[derive(Clone, Default)]
struct ClassifyFunction {
    runner: Option<Runner<TextClassification>>,
}

impl MapFunction<(u32, String)> for ClassifyFunction {
    type Out = (u32, String, Vec<Classification>);

    fn open(&mut self, _: &RuntimeContext) -> Result {
        let runner = riverrun::models::get("text-classification:latest")?.to_runner()?;
        runner.init_local()?;
        self.runner = Some(runner);
        Ok(())
    }

    fn map(&mut self, (id, text): (u32, String)) -> Result<Self::Out> {
        let runner = self.runner.as_ref().ok_or_else(|| FunctionError::new("the function was not opened"))?;
        let labels = runner.run(text.as_str())?;
        Ok((id, text, labels))
    }
}

fn classify_tweets(env: &StreamExecutionEnvironment) -> Result {
    ship_model()?;
    env.set_parallelism(1);

    // Create a source, e.g. Kafka or a file. A collection keeps the example simple; the last two are ours.
    let tweets = env.from_collection(TWEETS.map(|(id, text)| (id, text.to_string())));

    // Define the execution logic.
    let classified = tweets.map_function(ClassifyFunction::default());

    // Create a sink. Standard output keeps the example simple.
    classified.print();

    env.execute()?;
    Ok(())
}

riverrun::main!(classify_tweets);

/// Imports the model that comes with the repository, where the store has none of this name.
fn ship_model() -> Result {
    if let Err(riverrun::model::Error::NotFound { .. }) = riverrun::models::get("text-classification") {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/tweet-sentiment");
        let imported = riverrun::models::import(directory, "text-classification")?;
        eprintln!(
            "the store had no `text-classification`; imported {} from models/tweet-sentiment",
            imported.model.tag()
        );
    }
    Ok(())
}

#[rustfmt::skip]
const TWEETS: [(u32, &str); 7] = [
    (1, "BentoML: Create an ML Powered Prediction Service in Minutes via @TDataScience https://buff.ly/3srhTw9 #Python #MachineLearning #BentoML"),
    (2, "Top MLOps Serving frameworks — 2021 https://link.medium.com/5Elq6Aw52ib #mlops #TritonInferenceServer #opensource #nvidia #machincelearning  #serving #tensorflow #PyTorch #Bodywork #BentoML #KFServing #kubeflow #Cortex #Seldon #Sagify #Syndicai"),
    (3, "#MLFlow provides components for experimentation management, ML project management. #BentoML only focuses on serving and deploying trained models"),
    (4, "2000 and beyond #OpenSource #bentoml"),
    (5, "Model Serving Made Easy https://github.com/bentoml/BentoML ⭐ 1.1K #Python #Bentoml #BentoML #Modelserving #Modeldeployment #Modelmanagement #Mlplatform #Mlinfrastructure #Ml #Ai #Machinelearning #Awssagemaker #Awslambda #Azureml #Mlops #Aiops #Machinelearningoperations #Turn"),
    (6, "I love this, best day ever!"),
    (7, "This is the worst service I have ever had."),
];
