//! Whole programs on both drivers of the local host.

use std::sync::Arc;

use riverrun_local::{LocalHost, SimulatedHost};
use riverrun_stream::{Host, StreamExecutionEnvironment};

fn hosts() -> Vec<Arc<dyn Host>> {
    vec![Arc::new(LocalHost::new()), Arc::new(SimulatedHost::new(1))]
}

#[test]
fn a_chain_keeps_the_order_of_its_source() {
    for host in hosts() {
        let env = StreamExecutionEnvironment::new(host);
        env.set_parallelism(1);

        let result = env.from_sequence(1, 5000).map(|n| n * 2).filter(|n| n % 3 == 0).execute_and_collect().unwrap();

        let expected: Vec<u64> = (1..=5000).map(|n| n * 2).filter(|n| n % 3 == 0).collect();
        assert_eq!(result, expected);
    }
}
