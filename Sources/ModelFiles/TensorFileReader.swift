internal import Foundation

/// Reads a safetensors file, a part at a time.
final class TensorFileReader {
    let path: String
    let header: TensorHeader
    private let file: FileHandle
    private let dataStart: Int

    /// - Throws: `ModelFileError.unreadable` and `.damaged`.
    init(path: String) throws(ModelFileError) {
        self.path = path
        guard let file = FileHandle(forReadingAtPath: path) else { throw .unreadable(path: path) }
        self.file = file
        let size: Int
        do {
            size = Int(clamping: try file.seekToEnd())
        } catch {
            throw .unreadable(path: path)
        }
        let lengthBytes = TensorHeader.lengthBytes
        guard size > lengthBytes else { throw .damaged(path: path, reason: "it is \(size) bytes short") }
        let prefix = try Self.read(0..<lengthBytes, of: file, path)
        let length = prefix.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length <= UInt64(min(TensorHeader.bytesMax, size - lengthBytes)) else {
            throw .damaged(path: path, reason: "its header would be \(length) bytes long, and the file is \(size)")
        }
        dataStart = lengthBytes + Int(length)
        let json = try Self.read(lengthBytes..<dataStart, of: file, path)
        do throws(TensorHeaderProblem) {
            header = try TensorHeader(json: json, dataBytes: size - dataStart)
        } catch {
            throw .damaged(path: path, reason: error.reason)
        }
    }

    /// Some bytes of a tensor, counted from its first.
    func read(_ tensor: TensorEntry, bytes: Range<Int>) throws(ModelFileError) -> [UInt8] {
        precondition(bytes.upperBound <= tensor.bytes.count, "the bytes are the tensor's")
        let start = dataStart + tensor.bytes.lowerBound
        return try Self.read(start + bytes.lowerBound..<start + bytes.upperBound, of: file, path)
    }

    private static func read(_ range: Range<Int>, of file: FileHandle, _ path: String) throws(ModelFileError) -> [UInt8] {
        guard !range.isEmpty else { return [] }
        do {
            try file.seek(toOffset: UInt64(range.lowerBound))
            var bytes: [UInt8] = []
            bytes.reserveCapacity(range.count)
            while bytes.count < range.count, let part = try file.read(upToCount: range.count - bytes.count), !part.isEmpty {
                bytes += part
            }
            guard bytes.count == range.count else { throw ModelFileError.damaged(path: path, reason: "it has become shorter") }
            return bytes
        } catch let error as ModelFileError {
            throw error
        } catch {
            throw .unreadable(path: path)
        }
    }
}
