internal import Foundation

/// The types of numbers that a file of tensors may hold; the names are the format's.
public enum TensorType: String, Sendable, CaseIterable {
    case bool = "BOOL"
    case uint8 = "U8"
    case int8 = "I8"
    case int16 = "I16"
    case uint16 = "U16"
    case float16 = "F16"
    case bfloat16 = "BF16"
    case int32 = "I32"
    case uint32 = "U32"
    case float32 = "F32"
    case float64 = "F64"
    case int64 = "I64"
    case uint64 = "U64"

    /// Bytes a number.
    public var size: Int {
        switch self {
        case .bool, .uint8, .int8: 1
        case .int16, .uint16, .float16, .bfloat16: 2
        case .int32, .uint32, .float32: 4
        case .float64, .int64, .uint64: 8
        }
    }
}

/// One tensor of a file: row-major, little-endian.
public struct TensorEntry: Equatable, Sendable {
    public var type: TensorType
    public var shape: [Int]
    /// Its bytes, counted from the end of the header.
    public var bytes: Range<Int>
}

/// What is wrong with the header of a file.
struct TensorHeaderProblem: Error, Equatable {
    var reason: String
}

/// The header of a safetensors file: a JSON object of tensors by name, and of free words under `__metadata__`
/// (huggingface/safetensors, "Format").
///
/// What is read was written by others: every number is checked before it is used, and tensors have to lie one
/// after another from the first byte to the last, so that no byte is read twice or never.
public struct TensorHeader: Equatable, Sendable {
    public var tensors: [String: TensorEntry] = [:]
    public var metadata: [String: String] = [:]

    static let metadataName = "__metadata__"
    /// Bytes of a header at most, as the format's own reader has it.
    static let bytesMax = 100_000_000
    /// The header's length stands before it.
    static let lengthBytes = 8
    static let dimensionsMax = 8

    init() {}

    /// - Parameter dataBytes: what follows the header in the file.
    init(json: [UInt8], dataBytes: Int) throws(TensorHeaderProblem) {
        guard json.first == UInt8(ascii: "{") else { throw TensorHeaderProblem(reason: "its header is not a JSON object") }
        let decoded: Decoded
        do {
            decoded = try JSONDecoder().decode(Decoded.self, from: Data(json))
        } catch let DecodingError.typeMismatch(_, context), let DecodingError.valueNotFound(_, context) {
            throw TensorHeaderProblem(reason: "its header has something of another kind than the format's at \(Self.path(context))")
        } catch let DecodingError.keyNotFound(key, context) {
            throw TensorHeaderProblem(reason: "its header has no \(key.stringValue) at \(Self.path(context))")
        } catch {
            throw TensorHeaderProblem(reason: "its header is not the format's JSON")
        }
        metadata = decoded.metadata
        for (name, entry) in decoded.entries {
            tensors[name] = try Self.checked(entry, name, dataBytes: dataBytes)
        }
        var end = 0
        for (name, entry) in tensors.sorted(by: { ($0.value.bytes.lowerBound, $0.value.bytes.upperBound) < ($1.value.bytes.lowerBound, $1.value.bytes.upperBound) }) {
            guard entry.bytes.lowerBound == end else {
                throw TensorHeaderProblem(reason: "\(name) overlaps another tensor or leaves bytes between")
            }
            end = entry.bytes.upperBound
        }
        guard end == dataBytes else {
            throw TensorHeaderProblem(reason: "its tensors take \(end) bytes, and \(dataBytes) are there")
        }
    }

    private static func checked(
        _ entry: Decoded.Entry, _ name: String, dataBytes: Int
    ) throws(TensorHeaderProblem) -> TensorEntry {
        guard let type = TensorType(rawValue: entry.dtype) else {
            throw TensorHeaderProblem(reason: "\(name) is of the type \(entry.dtype.prefix(16)), which is not known")
        }
        guard entry.data_offsets.count == 2, 0 <= entry.data_offsets[0], entry.data_offsets[0] <= entry.data_offsets[1],
            entry.data_offsets[1] <= dataBytes
        else { throw TensorHeaderProblem(reason: "\(name) begins or ends outside of the file") }
        guard entry.shape.count <= dimensionsMax else {
            throw TensorHeaderProblem(reason: "\(name) has more than \(dimensionsMax) dimensions")
        }
        var size = type.size
        for extent in entry.shape {
            let (product, isOverflowing) = size.multipliedReportingOverflow(by: extent)
            guard extent >= 0, !isOverflowing else { throw TensorHeaderProblem(reason: "\(name) has an impossible shape") }
            size = product
        }
        let bytes = entry.data_offsets[0]..<entry.data_offsets[1]
        guard bytes.count == size else {
            throw TensorHeaderProblem(reason: "\(name) has \(bytes.count) bytes where its shape and type ask for \(size)")
        }
        return TensorEntry(type: type, shape: entry.shape, bytes: bytes)
    }

    private static func path(_ context: DecodingError.Context) -> String {
        context.codingPath.isEmpty ? "its top" : context.codingPath.map(\.stringValue).joined(separator: "/")
    }

    /// The length, then the JSON, keys in order, filled up with spaces to a multiple of eight bytes.
    func bytes() throws -> [UInt8] {
        var entries: [String: Encoded] = tensors.mapValues { entry in
            .tensor(.init(dtype: entry.type.rawValue, shape: entry.shape, data_offsets: [entry.bytes.lowerBound, entry.bytes.upperBound]))
        }
        if !metadata.isEmpty { entries[Self.metadataName] = .words(metadata) }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var json = [UInt8](try encoder.encode(entries))
        while json.count % Self.lengthBytes != 0 { json.append(UInt8(ascii: " ")) }
        return (0..<Self.lengthBytes).map { UInt8(truncatingIfNeeded: json.count >> (8 * $0)) } + json
    }
}

/// The header as it stands in a file.
private struct Decoded: Decodable {
    struct Entry: Codable {
        var dtype: String
        var shape: [Int]
        var data_offsets: [Int]
    }

    struct Name: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    var entries: [String: Entry] = [:]
    var metadata: [String: String] = [:]

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Name.self)
        for name in container.allKeys {
            if name.stringValue == TensorHeader.metadataName {
                metadata = try container.decode([String: String].self, forKey: name)
            } else {
                entries[name.stringValue] = try container.decode(Entry.self, forKey: name)
            }
        }
    }
}

private enum Encoded: Encodable {
    case tensor(Decoded.Entry)
    case words([String: String])

    func encode(to encoder: any Encoder) throws {
        switch self {
        case .tensor(let entry): try entry.encode(to: encoder)
        case .words(let words): try words.encode(to: encoder)
        }
    }
}
