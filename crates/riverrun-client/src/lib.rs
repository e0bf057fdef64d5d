//! Remote runners, and runners as processes of their own.
