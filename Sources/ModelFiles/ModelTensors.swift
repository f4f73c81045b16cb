internal import Engine

// V = item count, D = hidden width

/// The tensors that a model is exported as, by name.
///
/// - `items.ids`, U8 [bytes]: the items' ids as UTF-8, one after another, in the order of the rows.
/// - `items.id_ends`, I64 [V]: where each ends.
/// - `MODEL.item_embedding`, F32 [V, D], and `MODEL.item_bias`, F32 [V], for each neural model: `gru`,
///   `attention`, `convolution`.
/// - every dense tensor under the name that it has in the code, in PyTorch's layout: a matrix as [outputs, inputs],
///   what is one row as [columns]. A convolution's rows are three events side by side, the oldest one's first.
enum ModelTensors {
    static let ids = "items.ids"
    static let idEnds = "items.id_ends"
    static func embedding(_ member: String) -> String { member + ".item_embedding" }
    static func bias(_ member: String) -> String { member + ".item_bias" }

    static func shape(_ tensor: TensorShape) -> [Int] {
        tensor.rows == 1 ? [tensor.columns] : [tensor.rows, tensor.columns]
    }

    /// Item rows that are read or written at once.
    static let rowsMax = 4096

    /// The words beside the tensors.
    enum Word {
        static let format = "format"
        static let formatName = "freshet"
        static let formatVersion = "format_version"
        static let encoder = "encoder"
        static let dimensions = "dimensions"
        static let modelVersion = "model_version"
        static let temperature = "temperature"
        /// A JSON array: the event types in the order of their vectors.
        static let eventTypes = "event_types"
    }
}
