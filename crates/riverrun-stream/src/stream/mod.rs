//! What a user calls: one type a file.

mod all_windowed;
mod async_batch_stream;
mod async_data_stream;
mod broadcast;
mod connected;
mod data_stream;
mod data_stream_sink;
mod interval_join;
mod joined;
mod keyed;
mod single_output;
mod windowed;

pub use all_windowed::AllWindowedStream;
pub use async_batch_stream::AsyncBatchStream;
pub use async_data_stream::{AsyncDataStream, AsyncStream};
pub use broadcast::{BroadcastConnectedStream, BroadcastStream, KeyedBroadcastConnectedStream};
pub use connected::{ConnectTo, ConnectedStreams, KeyedConnectedStreams};
pub use data_stream::DataStream;
pub use data_stream_sink::DataStreamSink;
pub use interval_join::{IntervalJoin, IntervalJoined};
pub use joined::{
    CoGrouped, CoGroupedStreams, EqualKeys, Joined, JoinedStreams, Meeting, MeetingWindows, StreamPair, TaggedUnion,
    WhereKey,
};
pub use keyed::KeyedStream;
pub use single_output::SingleOutputStreamOperator;
pub use windowed::WindowedStream;

pub(crate) use data_stream::route_unread_errors;
