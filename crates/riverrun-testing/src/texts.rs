//! Made-up texts as long as tweets, for tests and benchmarks that bring none.

use crate::random::Random;

const WORDS: &str = "the new phone is not what i expected but my friends love it so much today @user going to see them on \
                     friday night and nobody knows why tomorrow will be great :) #monday bad service again @user thanks for \
                     nothing best game of the season can't wait http://t.co/abc";

/// `count` texts of 5 to 27 common words, the same for the same seed: some 20 to 25 tokens each on average with the word
/// pieces of BERT's vocabularies.
#[must_use]
pub fn tweet_like_texts(count: usize, seed: u64) -> Vec<String> {
    let words: Vec<&str> = WORDS.split(' ').collect();
    let mut random = Random::new(seed);
    (0..count)
        .map(|_| {
            let length = 5 + random.below(23);
            (0..length).map(|_| words[random.below(words.len())]).collect::<Vec<_>>().join(" ")
        })
        .collect()
}
