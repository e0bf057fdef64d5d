//! When an async call is made again: [`AsyncRetryStrategy`].

use std::sync::Arc;
use std::time::Duration;

use crate::error::FunctionError;

/// Whether, how often and when a call that did not give what was wanted is made again.
///
/// `R` is what a call gives: a `Vec` of results for an [`AsyncFunction`](crate::functions::AsyncFunction), the result of one
/// value for an [`AsyncBatchFunction`](crate::functions::AsyncBatchFunction). Same as Flink's `AsyncRetryStrategies`.
///
/// ```
/// # use std::time::Duration;
/// # use riverrun_stream::functions::AsyncRetryStrategy;
/// let gently = AsyncRetryStrategy::exponential_backoff(5, Duration::from_millis(100), Duration::from_secs(5), 2.0)
///     .if_error(|error| error.is_retryable())
///     .if_result(|found: &Vec<String>| found.is_empty());
/// ```
pub struct AsyncRetryStrategy<R> {
    max_attempts: usize,
    delay: Duration,
    max_delay: Duration,
    multiplier: f64,
    if_result: Option<Predicate<R>>,
    if_error: Option<Predicate<FunctionError>>,
}

type Predicate<T> = Arc<dyn Fn(&T) -> bool + Send + Sync>;

impl<R> Clone for AsyncRetryStrategy<R> {
    fn clone(&self) -> Self {
        Self { if_result: self.if_result.clone(), if_error: self.if_error.clone(), ..*self }
    }
}

impl<R> AsyncRetryStrategy<R> {
    /// At most `max_attempts` more calls after the first (at least 1), each this long after the last came back.
    #[must_use]
    pub fn fixed_delay(max_attempts: usize, delay: Duration) -> Self {
        Self { max_attempts, delay, max_delay: delay, multiplier: 1.0, if_result: None, if_error: None }
    }

    /// At most `max_attempts` more calls after the first (at least 1): the first after `initial_delay`, each other after
    /// `multiplier` (at least 1) times the delay before, up to `max_delay`.
    #[must_use]
    pub fn exponential_backoff(
        max_attempts: usize, initial_delay: Duration, max_delay: Duration, multiplier: f64,
    ) -> Self {
        Self { max_attempts, delay: initial_delay, max_delay, multiplier, if_result: None, if_error: None }
    }

    /// Calls again where this says so of what came back.
    #[must_use]
    pub fn if_result(mut self, predicate: impl Fn(&R) -> bool + Send + Sync + 'static) -> Self {
        self.if_result = Some(Arc::new(predicate));
        self
    }

    /// Calls again where this says so of the error: `|_| true` for any.
    #[must_use]
    pub fn if_error(mut self, predicate: impl Fn(&FunctionError) -> bool + Send + Sync + 'static) -> Self {
        self.if_error = Some(Arc::new(predicate));
        self
    }

    /// Whether there is another call after the `attempts` that were made, the first included.
    pub(crate) fn calls_again(&self, attempts: usize, outcome: Result<&R, &FunctionError>) -> bool {
        attempts <= self.max_attempts
            && match outcome {
                Ok(result) => self.if_result.as_ref().is_some_and(|says| says(result)),
                Err(error) => self.if_error.as_ref().is_some_and(|says| says(error)),
            }
    }

    /// How long to wait after `attempts` calls, the first included.
    pub(crate) fn delay_after(&self, attempts: usize) -> Duration {
        let power = i32::try_from(attempts.saturating_sub(1)).unwrap_or(i32::MAX);
        let seconds = self.delay.as_secs_f64() * self.multiplier.powi(power);
        Duration::try_from_secs_f64(seconds).unwrap_or(self.max_delay).min(self.max_delay)
    }

    /// What can't be, if something is: the option, what was given, and the rule.
    pub(crate) fn mistake(&self) -> Option<(&'static str, String, &'static str)> {
        if self.max_attempts == 0 {
            return Some(("number of retries", "0".into(), "allow at least one, or leave the strategy out"));
        }
        if self.if_result.is_none() && self.if_error.is_none() {
            let given = "for no result and no error".into();
            return Some(("retry strategy", given, "say which with `if_error` or `if_result`"));
        }
        if !(self.multiplier >= 1.0 && self.multiplier.is_finite()) {
            return Some(("multiplier of the retry delay", self.multiplier.to_string(), "it has to be at least 1"));
        }
        if self.max_delay < self.delay {
            let given = format!("{:?}, below the initial {:?}", self.max_delay, self.delay);
            return Some(("longest retry delay", given, "give the longer one last"));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_grows_up_to_its_maximum() {
        let strategy = AsyncRetryStrategy::<()>::exponential_backoff(
            9,
            Duration::from_millis(100),
            Duration::from_millis(500),
            2.0,
        );

        let delays: Vec<u128> = (1..=5).map(|attempts| strategy.delay_after(attempts).as_millis()).collect();

        assert_eq!(delays, [100, 200, 400, 500, 500]);
        assert_eq!(strategy.delay_after(usize::MAX).as_millis(), 500);
    }

    #[test]
    fn only_what_the_predicates_say_is_called_again_and_only_so_often() {
        let strategy = AsyncRetryStrategy::fixed_delay(2, Duration::ZERO)
            .if_result(|result: &u32| *result == 0)
            .if_error(FunctionError::is_retryable);
        let (passing, lasting) = (FunctionError::external("busy"), FunctionError::new("no such page"));

        assert!(strategy.calls_again(1, Ok(&0)) && strategy.calls_again(2, Err(&passing)));
        assert!(!strategy.calls_again(3, Ok(&0)), "two more calls were allowed");
        assert!(!strategy.calls_again(1, Ok(&1)) && !strategy.calls_again(1, Err(&lasting)));
    }

    #[test]
    fn what_can_not_be_is_named() {
        let ms = Duration::from_millis;
        let never = AsyncRetryStrategy::<()>::fixed_delay(3, ms(1));
        let none = AsyncRetryStrategy::<()>::fixed_delay(0, ms(1)).if_error(|_| true);
        let shrinking = AsyncRetryStrategy::<()>::exponential_backoff(3, ms(1), ms(9), 0.5).if_error(|_| true);
        let upside_down = AsyncRetryStrategy::<()>::exponential_backoff(3, ms(9), ms(1), 2.0).if_error(|_| true);
        let good = AsyncRetryStrategy::<()>::fixed_delay(3, ms(1)).if_error(|_| true);

        let named =
            [never, none, shrinking, upside_down, good].map(|strategy| strategy.mistake().map(|(what, ..)| what));

        assert_eq!(
            named,
            [
                Some("retry strategy"),
                Some("number of retries"),
                Some("multiplier of the retry delay"),
                Some("longest retry delay"),
                None
            ]
        );
    }
}
