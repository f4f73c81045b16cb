import Testing

@testable import Checkpoints

@Suite struct PayloadTests {
    @Test func whatIsWrittenIsReadInOrder() throws {
        var writer = ByteWriter()
        writer.write(UInt8(7))
        writer.write(Int32(-5))
        writer.write(UInt64.max - 1)
        writer.write(Float(-0.15625))
        writer.write(Float.infinity)
        #expect(writer.bytes.count == 1 + 4 + 8 + 4 + 4)
        // Little-endian, whatever the machine.
        #expect(Array(writer.bytes[1...4]) == [0xFB, 0xFF, 0xFF, 0xFF])
        var reader = ByteReader(writer.bytes)
        #expect(try reader.read(UInt8.self) == 7)
        #expect(try reader.read(Int32.self) == -5)
        #expect(try reader.read(UInt64.self) == UInt64.max - 1)
        #expect(try reader.readFloat() == -0.15625)
        #expect(try reader.readFloat() == .infinity)
        #expect(reader.isAtEnd)
    }

    @Test func rowsOfFloatsAreTheFloatsOneByOne() throws {
        let values: [Float] = [1, -0.5, .infinity, 1e-40, 3]
        var (rows, singles) = (ByteWriter(), ByteWriter())
        rows.write(values.span)
        for value in values { singles.write(value) }
        #expect(rows.bytes == singles.bytes)
        var reader = ByteReader(rows.bytes)
        var back = [Float](repeating: 0, count: 5)
        var span = back.mutableSpan
        try reader.read(into: &span)
        #expect(back == values)
        #expect(reader.isAtEnd)
        var short = ByteReader(Array(rows.bytes.dropLast()))
        var rest = back.mutableSpan
        var refusal: PayloadError?
        do throws(PayloadError) { try short.read(into: &rest) } catch { refusal = error }
        #expect(refusal == .truncated)
    }

    @Test func everyTruncationIsRefused() {
        for length in 0..<8 {
            var reader = ByteReader([UInt8](repeating: 1, count: length))
            #expect(throws: PayloadError.truncated) { try reader.read(UInt64.self) }
            #expect(reader.remaining == length)
        }
    }
}
