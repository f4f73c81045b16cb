internal import Foundation

/// Writes a safetensors file beside its place, and lets it take its place once it is whole.
final class TensorFileWriter {
    private let path: String
    private let partialPath: String
    private let file: FileHandle

    /// Begins with the header.
    init(path: String, header: TensorHeader) throws(ModelFileError) {
        self.path = path
        partialPath = path + ".partial"
        guard FileManager.default.createFile(atPath: partialPath, contents: nil),
            let file = FileHandle(forWritingAtPath: partialPath)
        else { throw .writeFailed(path: path, reason: "a file beside it cannot be made") }
        self.file = file
        do {
            try file.write(contentsOf: Data(header.bytes()))
        } catch {
            throw .writeFailed(path: path, reason: "its header cannot be written")
        }
    }

    /// Adds the next bytes of the tensors, in the order of the header's offsets.
    func write(_ bytes: [UInt8]) throws(ModelFileError) {
        do {
            try file.write(contentsOf: Data(bytes))
        } catch {
            throw .writeFailed(path: path, reason: "not all of it could be written")
        }
    }

    func finish() throws(ModelFileError) {
        do {
            try file.synchronize()
            try file.close()
        } catch {
            throw .writeFailed(path: path, reason: "not all of it could be written")
        }
        // One step of the file system: whatever was there is there until this one is.
        guard unsafe rename(partialPath, path) == 0 else {
            throw .writeFailed(path: path, reason: "it could not take its place")
        }
    }

    /// Removes what was written so far.
    func abandon() {
        do {
            try file.close()
            try FileManager.default.removeItem(atPath: partialPath)
        } catch {
            // What is left is only a name: the next export writes over it.
        }
    }
}
