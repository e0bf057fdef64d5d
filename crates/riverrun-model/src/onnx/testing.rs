//! Writes small ONNX models for tests.

/// A field with a number.
pub(crate) fn varint(field: u64, mut value: u64) -> Vec<u8> {
    let mut bytes = vec![(field << 3) as u8];
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A field with bytes, a text or a message.
pub(crate) fn bytes(field: u64, content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    // The key is two bytes for numbers above 15.
    let mut encoded = varint(0, (field << 3) | 2)[1..].to_vec();
    encoded.extend_from_slice(&varint(1, content.len() as u64)[1..]);
    encoded.extend_from_slice(content);
    encoded
}

/// A `ValueInfoProto` of a tensor with one named and one fixed dimension.
pub(crate) fn value_info(name: &str, element: u64) -> Vec<u8> {
    let named = bytes(1, bytes(2, "batch"));
    let fixed = bytes(1, varint(1, 4));
    let tensor = [varint(1, element), bytes(2, [named, fixed].concat())].concat();
    [bytes(1, name), bytes(2, bytes(1, tensor))].concat()
}

/// An initializer in the file, or in another one.
pub(crate) fn tensor(name: &str, location: Option<&str>) -> Vec<u8> {
    let place = match location {
        None => bytes(9, [0; 64]),
        Some(location) => [bytes(13, [bytes(1, "location"), bytes(2, location)].concat()), varint(14, 1)].concat(),
    };
    [varint(1, 16), varint(2, 1), bytes(8, name), place].concat()
}

/// A whole model: a graph with an input `x`, an output `y` and an initializer `w`.
pub(crate) fn model(location: Option<&str>) -> Vec<u8> {
    let graph = [
        bytes(5, tensor("w", location)),
        bytes(11, value_info("x", 1)),
        bytes(11, value_info("w", 1)),
        bytes(12, value_info("y", 7)),
    ];
    [varint(1, 8), bytes(2, "tests"), bytes(7, graph.concat())].concat()
}
